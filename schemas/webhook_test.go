package schemas_test

import (
	"testing"
	"time"

	"parley/schemas"
)

func TestDecodeWebhookRotation(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]time.Duration{
		"{}":                         24 * time.Hour,
		`{"overlapSeconds":null}`:    24 * time.Hour,
		`{"overlapSeconds":0}`:       0,
		`{"overlapSeconds":7776000}`: 90 * 24 * time.Hour,
	} {
		if r, p := schemas.DecodeWebhookRotation([]byte(body)); p != nil || r.Overlap() != want {
			t.Errorf("%s: %+v, %v", body, r, p)
		}
	}
	for body, pointer := range map[string]string{
		``: "", `null`: "", `[]`: "", `{"overlapSeconds":-1}`: "/overlapSeconds", `{"overlapSeconds":7776001}`: "/overlapSeconds",
		`{"overlapSeconds":"1h"}`: "/overlapSeconds", `{"overlap":1}`: "/overlap",
	} {
		if _, p := schemas.DecodeWebhookRotation([]byte(body)); p == nil || p.Code != schemas.InvalidBody || p.Pointer != pointer {
			t.Errorf("%s: %v", body, p)
		}
	}
}

func TestDecodeWebhookEnabling(t *testing.T) {
	t.Parallel()
	if e, p := schemas.DecodeWebhookEnabling([]byte(`{"responseAddress":"https://example.com/"}`)); p != nil || e.ResponseAddress != "https://example.com/" {
		t.Errorf("%+v, %v", e, p)
	}
	for body, pointer := range map[string]string{``: "", `null`: "", `{}`: "/responseAddress", `{"address":"a"}`: "/address"} {
		if _, p := schemas.DecodeWebhookEnabling([]byte(body)); p == nil || p.Code != schemas.InvalidBody || p.Pointer != pointer {
			t.Errorf("%s: %v", body, p)
		}
	}
}
