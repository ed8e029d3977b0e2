package doctor

import (
	"context"
	"fmt"

	"parley/internal/mail"
	"parley/internal/route"
)

// checkMailServer greets the mail server of a route, tells it who we are, and goes.
func checkMailServer(ctx context.Context, r route.Route) Finding {
	f := Finding{Check: Routes, Subject: "route " + r.Name + ", its mail server", Verdict: OK, Found: "takes us"}
	server, err := mail.ParseServer(r.Executor.URL)
	if err == nil {
		f.Subject = fmt.Sprintf("route %s, mail server %s", r.Name, server.Address) // without the password
		ctx, cancel := context.WithTimeout(ctx, backendTimeout)
		defer cancel()
		err = mail.Client{}.Probe(ctx, server)
	}
	if err != nil {
		f.Verdict, f.Found, f.Meaning = Failure, err.Error(), "its calls wait until it takes us"
		f.Remedy = "start the mail server, or mend the address, the password, the certificate or the network"
	}
	return f
}
