package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"parley/internal/mail"
	"parley/internal/route"
	"parley/internal/topics"
)

// backendTimeout bounds the wait for one backend.
const backendTimeout = 5 * time.Second

// answer is what a backend says to a HEAD.
type answer struct {
	route string
	// url is where it is, as it may be shown.
	url    string
	status int
	err    error
}

// CheckRoutes looks for the backends of routes. It sends HEAD, which carries nothing out (RFC 9110, section 9.2.1), and
// follows no redirect; a mail server it greets, and sends nothing. Topics of kafka routes are looked for in c; nil: Kafka did not answer.
func CheckRoutes(ctx context.Context, table *route.Table, by mail.Client, c *topics.Cluster) Report {
	client := &http.Client{
		Timeout:       backendTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	reports := each(table.Routes(), func(r route.Route) Report {
		switch r.Executor.Type {
		case route.Kafka:
			return judgeRouteTopics(r, c)
		case route.SMTP:
			return Report{checkRouteMail(ctx, by, r)}
		}
		return Report{judgeBackend(head(ctx, client, r))}
	})
	var all Report
	for _, r := range reports {
		all = append(all, r...)
	}
	return all
}

func head(ctx context.Context, client *http.Client, r route.Route) answer {
	a := answer{route: r.Name, url: r.Executor.PublicURL()}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.Executor.URL, nil)
	if err != nil {
		a.err = reasonOf(err)
		return a
	}
	resp, err := client.Do(req)
	if err != nil {
		a.err = reasonOf(err)
		return a
	}
	a.status, a.err = resp.StatusCode, resp.Body.Close()
	return a
}

// reasonOf is an error without the URL that it was met at.
func reasonOf(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}

func judgeBackend(a answer) Finding {
	f := Finding{Check: Routes, Subject: fmt.Sprintf("route %s, %s", a.route, a.url), Verdict: OK, Found: fmt.Sprintf("answers %d to HEAD", a.status)}
	var name *net.DNSError
	switch {
	case errors.As(a.err, &name):
		f.Verdict, f.Found, f.Remedy = Failure, a.err.Error(), "mend the name in the route, or the name service"
	case a.err != nil:
		f.Verdict, f.Found, f.Remedy = Failure, a.err.Error(), "start the backend, or mend the address, the certificate or the network"
	case a.status >= http.StatusBadGateway && a.status <= http.StatusGatewayTimeout:
		f.Verdict, f.Remedy = Warning, "start the backend behind the proxy that answers"
	}
	if f.Verdict != OK {
		f.Meaning = "its calls wait until it is there"
	}
	return f
}

func judgeRouteTopics(r route.Route, c *topics.Cluster) Report {
	var all Report
	for _, name := range []string{r.Executor.Topic, r.Executor.ReplyTopic} {
		if name == "" {
			continue
		}
		f := Finding{Check: Routes, Subject: fmt.Sprintf("route %s, topic %s", r.Name, name), Verdict: OK, Found: "is there"}
		switch {
		case c == nil:
			f.Verdict, f.Found, f.Meaning = Unknown, "Kafka does not answer", "whether it is there is not known"
		case c.Topic(name).Err != nil:
			f.Verdict, f.Found, f.Meaning = Failure, c.Topic(name).Err.Error(), "its calls wait until it is there"
			f.Remedy = fmt.Sprintf("kafka-topics.sh --create --topic %s, or allow Parley to use it", name)
		}
		all = append(all, f)
	}
	return all
}
