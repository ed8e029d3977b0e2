package ingest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/account"
	"parley/schemas"
)

// audits are the lines of the log that say what was done, from where they say it.
func (h *harness) audits() []string {
	var lines []string
	for line := range strings.Lines(h.logged.String()) {
		if _, said, ok := strings.Cut(line, "audit=true "); ok {
			lines = append(lines, strings.TrimSpace(said))
		}
	}
	return lines
}

func TestAudit(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	admin := keys.mint("ops", []account.Scope{account.Admin})
	tenant := keys.mint("acme", []account.Scope{account.Read, account.Submit})
	id := func(text string) string {
		id, err := account.ParseKeyID(text)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	h := startWithRoutes(t, byKeys(keys))
	h.record.tell(func(f *fakeSource) {
		f.answers.failed = func(schemas.FailedQuery) ([]schemas.ConversationResource, error) {
			return []schemas.ConversationResource{{ConversationID: "a"}, {ConversationID: "b"}}, nil
		}
	})
	began := `account=ops key=` + id(admin) + ` from=127.0.0.1 forwarded_for=`
	bulk := `{"from":"2026-12-01T08:00:00Z","to":"2026-12-01T09:00:00Z","route":"crm","dryRun":true}`
	for _, c := range []struct{ method, path, body, key, forwarded, want string }{
		{http.MethodPut, crmMaintenance, `{"reason":"moves"}`, admin, "10.0.0.1", `action="begin maintenance" outcome=done ` + began + `10.0.0.1 route=crm reason=moves`},
		{http.MethodPut, crmMaintenance, `{"reason":"moves","until":"2026-12-01T10:00:00Z"}`, admin, "", `action="begin maintenance" outcome=done ` + began + `"" route=crm reason=moves until=2026-12-01T10:00:00.000Z`},
		{http.MethodDelete, crmMaintenance, ``, admin, strings.Repeat("1", 1000), `action="end maintenance" outcome=done ` + began + strings.Repeat("1", forwardedMax) + ` route=crm`},
		{http.MethodPut, crmMaintenance, `{}`, admin, "", `action="begin maintenance" outcome=InvalidBody ` + began + `"" route=crm`},
		{http.MethodPut, crmMaintenance, `{"reason":"moves"}`, tenant, "", `action="begin maintenance" outcome=Forbidden account=acme key=` + id(tenant) + ` from=127.0.0.1 forwarded_for=""`},
		{http.MethodPut, crmMaintenance, `{"reason":"moves"}`, "", "", ``},
		{http.MethodPost, resubmitPath, bulk, tenant, "", `action=resubmit outcome=done account=acme key=` + id(tenant) +
			` from=127.0.0.1 forwarded_for="" conversations=2 ended_from=2026-12-01T08:00:00.000Z ended_to=2026-12-01T09:00:00.000Z route=crm error_code="" include_failed=false dry_run=true`},
		{http.MethodGet, routesPath, ``, admin, "", ``},
	} {
		before := len(h.audits())
		header := []string{"X-Forwarded-For", c.forwarded}
		if c.key != "" {
			header = append(header, "Authorization", "Bearer "+c.key)
		}
		h.do(t, c.method, c.path, []byte(c.body), header...)
		said := strings.Join(h.audits()[before:], "\n")
		if !strings.HasPrefix(said, c.want) || c.want == "" && said != "" {
			t.Errorf("%s %s: audited as\n%q, want\n%q", c.method, c.path, said, c.want)
		}
	}
	m, ok := h.control.Maintenance("crm", time.Now())
	if ok {
		t.Errorf("maintenance %+v", m)
	}
}

// Maintenance says by which key it was begun.
func TestMaintenanceSaysTheKey(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	admin := keys.mint("ops", []account.Scope{account.Admin})
	h := startWithRoutes(t, byKeys(keys))
	r := h.do(t, http.MethodPut, crmMaintenance, []byte(`{"reason":"moves"}`), "Authorization", "Bearer "+admin)
	var m schemas.MaintenanceResource
	r.decode(t, &m)
	if id, err := account.ParseKeyID(admin); err != nil || m.By != "ops, key "+id {
		t.Errorf("by %q, want key %s of ops", m.By, id)
	}
}
