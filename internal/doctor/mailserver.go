package doctor

import (
	"context"
	"fmt"

	"parley/internal/mail"
	"parley/internal/route"
)

// checkRouteMail looks at the mail server of a route.
func checkRouteMail(ctx context.Context, by mail.Client, r route.Route) Finding {
	f := Finding{Check: Routes, Subject: "route " + r.Name, Meaning: "its calls wait until it takes us"}
	return f.greet(ctx, by, r.Executor.URL)
}

// CheckMail looks at the mail server by which callers are told, which has a URL as PARLEY_SMTP_URL.
func CheckMail(ctx context.Context, by mail.Client, url string) Report {
	f := Finding{Check: Mail, Subject: "callers who are told by mail", Meaning: "they are told when it takes us, within a day, or not at all"}
	return Report{f.greet(ctx, by, url)}
}

// greet greets a mail server, tells it who we are, and goes. Without a failure the finding means nothing.
func (f Finding) greet(ctx context.Context, by mail.Client, url string) Finding {
	f.Verdict, f.Found = OK, "takes us"
	server, err := mail.ParseServer(url)
	if err == nil {
		f.Subject = fmt.Sprintf("%s, mail server %s", f.Subject, server.Address) // without the password
		ctx, cancel := context.WithTimeout(ctx, backendTimeout)
		defer cancel()
		err = by.Probe(ctx, server)
	}
	if err == nil {
		f.Meaning = ""
	} else {
		f.Verdict, f.Found = Failure, err.Error()
		f.Remedy = "start the mail server, or mend the address, the password, the certificate or the network"
	}
	return f
}
