package torture

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/webhook"
)

// send sends a callback to a receiver, and returns how it is answered; 0: not at all.
func send(t *testing.T, r *receiver, url, id, body string, by webhook.Secret) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	webhook.Sign(request.Header, id, time.Now(), []byte(body), by)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// idWith is a webhook-id with whose lot the prompt receiver does something else the first time.
func idWith(lot uint64) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("msg_%d", i); lotOf(id)%moods == lot {
			return id
		}
	}
}

// A receiver verifies what comes, and does not take all of it at once.
func TestReceiver(t *testing.T) {
	t.Parallel()
	c := newChecks()
	r, err := openReceiver(context.WithoutCancel(t.Context()), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	secret := webhook.NewSecret()
	r.secrets = map[string][]webhook.Secret{"acme": {secret}}
	url := r.at.of("acme", receiverPrompt)
	body := func(sequence, cursor string) string {
		return fmt.Sprintf(`{"type":"call.completed","sequence":%q,"cursor":%q,"timestamp":"2026-01-01T00:00:00Z","call":{"status":"OK"}}`, sequence, cursor)
	}
	for _, one := range []struct {
		name, url, id, body string
		by                  webhook.Secret
		want                []int
		broken              rule
	}{
		{"taken", url, idWith(5), body("0-1", "a"), secret, []int{204, 204}, ""},
		{"taken when it comes again", url, idWith(moodRefuses), body("0-2", "a"), secret, []int{503, 204}, ""},
		{"taken, and not answered", url, idWith(moodUnheard), body("0-3", "a"), secret, []int{0, 204}, ""},
		{"with another cursor", url, idWith(5), body("0-1", "b"), secret, []int{204}, ""},
		{"where nobody is moody", r.at.of("acme", receiverAway), idWith(moodRefuses) + "!", body("0-2", "a"), secret, []int{204}, ""},
		{"by somebody else", url, "msg_x", body("0-4", "a"), webhook.NewSecret(), []int{401}, ruleSigned},
		{"of another account", r.at.of("globex", receiverPrompt), "msg_y", body("0-4", "a"), secret, []int{401}, ruleSigned},
		{"under another id", url, idWith(6), body("0-1", "a"), secret, []int{204}, ruleWebhookID},
		{"under the id of another", url, idWith(5), body("0-5", "a"), secret, []int{204}, ruleWebhookID},
		{"another text", url, idWith(moodUnheard), strings.Replace(body("0-3", "a"), "OK", "Error", 1), secret, []int{204}, ruleSameSaid},
	} {
		before := broken(c)
		for _, want := range one.want {
			if got := send(t, r, one.url, one.id, one.body, one.by); got != want {
				t.Errorf("%s: answered %d, want %d", one.name, got, want)
			}
		}
		now := slices.DeleteFunc(broken(c), func(r rule) bool { return slices.Contains(before, r) })
		if one.broken == "" && len(now) > 0 || one.broken != "" && !slices.Contains(broken(c), one.broken) {
			t.Errorf("%s: broken are %q", one.name, now)
		}
	}
	var said bytes.Buffer
	for what, got := range r.heard() {
		if got.came < got.taken || got.taken == 0 {
			fmt.Fprintf(&said, "%v: came %d times, taken %d\n", what, got.came, got.taken)
		}
	}
	if said.Len() > 0 {
		t.Error(said.String())
	}
	r.away.Cut()
	if got := send(t, r, r.at.of("acme", receiverAway), "msg_z", body("0-6", "a"), secret); got != 0 {
		t.Errorf("who is dead answers %d", got)
	}
}

// broken are the rules that are.
func broken(c *checks) (all []rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.order {
		if one.broken > 0 {
			all = append(all, one.rule)
		}
	}
	return all
}
