package route

import (
	"net/url"
	"regexp"
	"slices"
	"time"

	"parley/internal/mail"
)

// Executor is what carries calls out.
type Executor struct {
	// Type is HTTP, Kafka or SMTP.
	Type string
	// URL of an HTTP executor is absolute, http or https; that of an SMTP executor is the mail server, see mail.ParseServer.
	URL string
	// Topic of a Kafka executor is where its requests are written, in the transaction of the state.
	Topic string
	// ReplyTopic of a Kafka executor is where answers to its requests are read; a call is deferred until its own
	// comes. Empty: the call is done when its request is written.
	ReplyTopic string
	// From of an SMTP executor is the sender of its messages, ReplyTo where answers to them go (empty: to From). Both are of the
	// form that mail.ParseAddress reads.
	From, ReplyTo string
	// AwaitReply of an SMTP executor puts the deferred token of a call into the subject of its message, and defers the call until
	// somebody answers with it. Default: false, a call is done when the server has its message.
	AwaitReply bool
	// Timeout bounds one request to an HTTP or SMTP executor, from the dial to the end of the answer. Default: 10 s. Writing
	// to Kafka takes no time of its own; an answer from there is bounded by DeferTimeout.
	Timeout time.Duration
}

// hidden stands for what is not shown.
const hidden = "xxxxx"

// PublicURL is the URL without what may be a secret in it: its password, and the values of its query.
func (x Executor) PublicURL() string {
	u, err := url.Parse(x.URL)
	if err != nil {
		return hidden // the table has none that cannot be parsed
	}
	if u.RawQuery != "" {
		q := u.Query()
		for name := range q {
			q[name] = []string{hidden}
		}
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// Types of executors.
const (
	HTTP  = "http"
	Kafka = "kafka"
	SMTP  = "smtp"
)

// topic is what Kafka takes as the name of a topic.
var topic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func (p place) executor(e executorEntry) Executor {
	x := Executor{Type: e.Type, Timeout: p.within(e.Timeout.at, defaultTimeout, timeoutMax, "executor", "timeout")}
	switch e.Type {
	case HTTP:
		x.URL = p.url(e.URL.at)
	case Kafka:
		x.Topic, x.ReplyTopic = p.topics(e)
	case SMTP:
		x.URL, x.AwaitReply = p.mailServer(e.URL.at), e.AwaitReply.at != nil && *e.AwaitReply.at
		x.From, x.ReplyTo = p.mailAddress(e.From.at, "from"), p.mailAddress(e.ReplyTo.at, "replyTo")
		if e.From.at == nil {
			p.refuse([]string{"executor", "from"}, "an smtp executor has a sender, as Orders <orders@example.com>")
		}
	case "":
		p.refuse([]string{"executor", "type"}, `an executor has a type: "http", "kafka" or "smtp"`)
		return x
	default:
		p.refuse([]string{"executor", "type"}, `this version has the executors "http", "kafka" and "smtp", not %q`, e.Type)
		return x
	}
	p.foreign(e)
	return x
}

// foreign refuses members that an executor of that type makes nothing of.
func (p place) foreign(e executorEntry) {
	members := []struct {
		name  string
		given bool
		of    []string
	}{
		{"url", e.URL.at != nil, []string{HTTP, SMTP}},
		{"topic", e.Topic.at != nil, []string{Kafka}},
		{"replyTopic", e.ReplyTopic.at != nil, []string{Kafka}},
		{"from", e.From.at != nil, []string{SMTP}},
		{"replyTo", e.ReplyTo.at != nil, []string{SMTP}},
		{"awaitReply", e.AwaitReply.at != nil, []string{SMTP}},
	}
	for _, m := range members {
		if m.given && !slices.Contains(m.of, e.Type) {
			p.refuse([]string{"executor", m.name}, "means nothing to an executor of type %q; leave it out", e.Type)
		}
	}
}

func (p place) mailServer(s *string) string {
	if s == nil {
		p.refuse([]string{"executor", "url"}, "an smtp executor has the URL of a mail server, as smtp://user:password@mail.example.com:587")
		return ""
	}
	if _, err := mail.ParseServer(*s); err != nil {
		p.refuse([]string{"executor", "url"}, "is not the URL of a mail server: %v", err)
	}
	return *s
}

func (p place) mailAddress(s *string, member string) string {
	if s == nil {
		return ""
	}
	if _, err := mail.ParseAddress(*s); err != nil {
		p.refuse([]string{"executor", member}, "%v", err)
	}
	return *s
}

func (p place) url(s *string) string {
	if s == nil {
		p.refuse([]string{"executor", "url"}, "an http executor has an absolute http or https URL, as http://127.0.0.1:9090/calls")
		return ""
	}
	u, err := url.Parse(*s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.refuse([]string{"executor", "url"}, "an absolute http or https URL, as http://127.0.0.1:9090/calls, not %q", *s)
	}
	return *s
}

func (p place) topics(e executorEntry) (requests, replies string) {
	if e.Topic.at == nil {
		p.refuse([]string{"executor", "topic"}, "a kafka executor has a topic that its requests are written to")
		return "", ""
	}
	requests = p.topic(*e.Topic.at, "topic")
	if e.ReplyTopic.at == nil {
		return requests, ""
	}
	if replies = p.topic(*e.ReplyTopic.at, "replyTopic"); replies == requests {
		p.refuse([]string{"executor", "replyTopic"}, "answers would be among the requests in %q; name another topic", replies)
	}
	return requests, replies
}

func (p place) topic(s, member string) string {
	if !topic.MatchString(s) || s == "." || s == ".." {
		p.refuse([]string{"executor", member}, "a topic is named with 1 to 249 of A-Z a-z 0-9 . _ -, not %q", s)
	}
	return s
}
