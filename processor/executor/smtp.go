package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/mail"
	"parley/internal/route"
	"parley/processor/conversation"
	"parley/schemas"
)

// Why a message was not sent, beside schemas.CallFailed of what may be tried again.
const (
	// codeMailInvalid is of a call whose object says no message that can be sent.
	codeMailInvalid schemas.Code = "MailInvalid"
	// codeMailRefused is of a message that the mail server has refused for good.
	codeMailRefused schemas.Code = "MailRefused"
)

// SMTP carries calls out by mail: the one object of a call is a message, see letter. It is safe for concurrent use.
type SMTP struct {
	client mail.Client
}

// NewSMTP returns an executor that hands messages over with a client.
func NewSMTP(client mail.Client) *SMTP { return &SMTP{client: client} }

// Execute makes one attempt. It returns when the server has answered, the route's timeout has passed, or ctx has ended. A message is
// sent again only when the server certainly has not taken it: Transient is Unsent but for an answer to the whole message that never
// came.
func (s *SMTP) Execute(ctx context.Context, r *route.Route, req Request) conversation.Outcome {
	m, err := message(&r.Executor, req)
	if err != nil {
		return failed(codeMailInvalid, err.Error())
	}
	server, err := mail.ParseServer(r.Executor.URL)
	if err != nil {
		return failed(schemas.Internal, "read mail server of route: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, r.Executor.Timeout)
	defer cancel()
	if err := s.client.Send(ctx, server, m); err != nil {
		return unsent(err)
	}
	if r.Executor.AwaitReply {
		return conversation.Outcome{Kind: conversation.Deferred}
	}
	return Outcome(&schemas.Answer{}, req.Call)
}

func unsent(err error) conversation.Outcome {
	e, ok := errors.AsType[*mail.SendError](err)
	switch {
	case !ok:
		return failed(schemas.Internal, "send message: "+err.Error())
	case e.Permanent && e.Code == 0: // nobody has seen it but we, or the server says beforehand what it takes
		return failed(codeMailInvalid, e.Error())
	case e.Permanent:
		return failed(codeMailRefused, e.Error())
	}
	o := transient(e.Error())
	o.Unsent = !e.Unknown
	return o
}

// message is what a call says, from whom its route says.
func message(e *route.Executor, req Request) (*mail.Message, error) {
	if len(req.Call.Objects) != 1 {
		return nil, fmt.Errorf("a call by mail has one object, this one has %d", len(req.Call.Objects))
	}
	said, err := readLetter(req.Call.Objects[0].Properties)
	if err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(e.From)
	if err != nil {
		return nil, fmt.Errorf("the sender of the route: %w", err)
	}
	m := &mail.Message{
		From: from, To: said.to, Subject: said.Subject, Text: said.Text, HTML: said.HTML,
		ID:   req.Call.RequestId + "@" + from.Domain(),
		Date: time.Now(), Automatic: true,
	}
	if e.ReplyTo != "" {
		if m.ReplyTo, err = mail.ParseAddress(e.ReplyTo); err != nil {
			return nil, fmt.Errorf("the address for replies of the route: %w", err)
		}
	}
	if e.AwaitReply {
		m.Subject = mail.WithToken(m.Subject, req.Token)
	}
	return m, nil
}
