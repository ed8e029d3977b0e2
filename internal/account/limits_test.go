package account_test

import (
	"math"
	"strings"
	"testing"

	"parley/internal/account"
)

func TestTermsOver(t *testing.T) {
	t.Parallel()
	all := account.Limits{Rate: 10, Burst: 20, OpenCalls: 30, StagedBytes: 40}
	if got := (account.Terms{Account: "acme"}).Over(all); got != all {
		t.Errorf("without terms %+v, want %+v", got, all)
	}
	own := account.Terms{Account: "acme", Rate: new(0.5), Burst: new(0), OpenCalls: new(int64(0)), StagedBytes: new(int64(7))}
	if got, want := own.Over(all), (account.Limits{Rate: 0.5, StagedBytes: 7}); got != want {
		t.Errorf("with terms %+v, want %+v", got, want)
	}
}

func TestBurstCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limits account.Limits
		want   int
	}{
		{account.Limits{Rate: 0.1}, 1},
		{account.Limits{Rate: 1.5}, 2},
		{account.Limits{Rate: 100}, 100},
		{account.Limits{Rate: 100, Burst: 1}, 1},
		{account.Limits{Rate: math.MaxInt32}, account.BurstMax},
	} {
		if got := c.limits.BurstCalls(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.limits, got, c.want)
		}
	}
}

func TestValidateTerms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		terms account.Terms
		want  string // of the error; empty: there is none
	}{
		"nothing different": {account.Terms{Account: "acme"}, ""},
		"all none":          {account.Terms{Account: "acme", Rate: new(0.0), Burst: new(0), OpenCalls: new(int64(0)), StagedBytes: new(int64(0))}, ""},
		"the longest burst": {account.Terms{Account: "acme", Burst: new(account.BurstMax)}, ""},
		"a longer one":      {account.Terms{Account: "acme", Burst: new(account.BurstMax + 1)}, "burst 1000001"},
		"no account":        {account.Terms{}, `account ""`},
		"a negative rate":   {account.Terms{Account: "acme", Rate: new(-1.0)}, "rate -1"},
		"the least rate":    {account.Terms{Account: "acme", Rate: new(account.RateMin)}, ""},
		"less":              {account.Terms{Account: "acme", Rate: new(0.0009)}, "rate 0.0009"},
		"no number":         {account.Terms{Account: "acme", Rate: new(math.NaN())}, "rate NaN"},
		"negative calls":    {account.Terms{Account: "acme", OpenCalls: new(int64(-1))}, "open calls -1"},
		"negative bytes":    {account.Terms{Account: "acme", StagedBytes: new(int64(-1))}, "staged bytes -1"},
	} {
		err := c.terms.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
