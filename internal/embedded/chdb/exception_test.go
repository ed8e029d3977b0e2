package chdb

import "testing"

func TestParseException(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Exception{
		"Code: 60. DB::Exception: Table d.x does not exist. (UNKNOWN_TABLE)":       {60, "UNKNOWN_TABLE", "Table d.x does not exist."},
		"Code: 60. DB::Exception: a (b). (UNKNOWN_TABLE) (version 26.7.2.1)":       {60, "UNKNOWN_TABLE", "a (b)."},
		"Code: 1. DB::Exception: a (X_Y) (version 26.7.2.1 (official build))\n":    {1, "X_Y", "a"},
		"Code: 210. DB::NetException: refused (host:1). (NETWORK_ERROR)":           {210, "NETWORK_ERROR", "refused (host:1)."},
		"Code: 1000. DB::Exception: Code: 7. DB::Exception: in. (A_B) (POCO_EXC)":  {1000, "POCO_EXC", "Code: 7. DB::Exception: in. (A_B)"},
		"Error: Code: 36. DB::Exception: multi\nline. (BAD_ARGUMENTS)":             {36, "BAD_ARGUMENTS", "multi\nline."},
		"Code: 36. DB::Exception: no name":                                         {36, "", "no name"},
		"Code: 99999999999999999999. DB::Exception: too long a number. (A_B)":      {0, "A_B", "too long a number."},
		"Cannot run a query while a streaming insert is active on this connection": {0, "", "Cannot run a query while a streaming insert is active on this connection"},
		"": {},
	} {
		if got := parseException(text); *got != want {
			t.Errorf("%q: %+v, want %+v", text, *got, want)
		}
	}
}

func FuzzParseException(f *testing.F) {
	f.Add("Code: 60. DB::Exception: a (b). (UNKNOWN_TABLE) (version 26.7.2.1)")
	f.Fuzz(func(t *testing.T, text string) { parseException(text) })
}
