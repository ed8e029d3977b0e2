package cli

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/schemas"
)

// webhooksCmd is about the callbacks of an account: what signs them, and who gets none.
type webhooksCmd struct {
	Show   webhooksShowCmd   `cmd:"" default:"withargs" help:"Show the secrets that sign callbacks, and the targets that get none. The default."`
	Rotate webhooksRotateCmd `cmd:"" help:"Make a secret in place of those before, which sign on for a while."`
	Retire webhooksRetireCmd `cmd:"" help:"Have a secret that was replaced sign no more."`
	Enable webhooksEnableCmd `cmd:"" help:"Have a target that has answered 410 called again."`
}

// Help is shown by --help.
func (*webhooksCmd) Help() string {
	return `Callbacks are signed as Standard Webhooks has it, with the secrets of the account. A receiver takes a callback if one of its signatures is by a secret that it has.

  parley webhooks
  parley receive                                 take callbacks here, verify and print them
  parley webhooks rotate --overlap 24h           then give receivers the new secret
  parley webhooks retire 1f3a90c2                when all have it, or the overlap ends it
  parley webhooks enable https://example.com/hook

With access by keys it takes one with the scope submit.`
}

// showWebhooks prints what there is.
func showWebhooks(std streams, w schemas.WebhooksResource) {
	secrets := newTable("id", "secret", "made", "signs until")
	for _, s := range w.Secrets {
		until := "it is replaced"
		if s.RetiresAt != nil {
			until = at(s.RetiresAt)
		}
		secrets.AppendRow(table.Row{s.ID, s.Secret, at(&s.CreatedAt), until})
	}
	fmt.Fprintln(std.out, secrets.Render())
	if len(w.DisabledTargets) == 0 {
		return
	}
	disabled := newTable("target that gets no callbacks", "answered 410 at")
	for _, d := range w.DisabledTargets {
		disabled.AppendRow(table.Row{d.ResponseAddress, at(&d.DisabledAt)})
	}
	fmt.Fprintln(std.out, disabled.Render())
}
