package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"

	"github.com/labstack/echo/v4"

	"parley/ingest/ess"
	"parley/ingest/soap"
	"parley/internal/account"
	"parley/schemas"
)

const (
	// essPath is where the original service is, essShortPath the same in short, essWSDLPath where clients look for its description.
	essPath      = "/otsWebWS/services/OTSWebSvcs"
	essShortPath = "/ess"
	essWSDLPath  = essPath + "/wsdl/OTSWebSvcs.wsdl"
)

// postESS carries out an operation of the Event Subscription Service.
func (s *Server) postESS(c echo.Context) error {
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	r, err := soap.Decode(c.Request().Header, body)
	if f, ok := errors.AsType[soap.Fault](err); ok {
		return fault(c, r.Version, f)
	}
	o, err := ess.Read(&r.Body)
	if _, known := errors.AsType[*ess.Exception](err); err != nil && !known {
		return fault(c, r.Version, soap.Fault{Caller: true, Text: err.Error()})
	}
	who, p := s.auth.Caller(withCredentials(c.Request(), r.Credentials))
	if p != nil { // before the application is reached, so without a WSException
		return fault(c, r.Version, soap.Fault{Caller: true, Text: "WSEC6521E: Login failed: " + p.Detail})
	}
	var answer string
	if err == nil {
		answer, err = s.essAnswer(c, o, who)
	}
	if e, ok := errors.AsType[*ess.Exception](err); ok {
		return fault(c, r.Version, e.Fault())
	}
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, r.Version.ContentType(), soap.Answer(r.Version, nil, []byte(answer)))
}

// withCredentials is a request as who shows the credentials of an envelope would make it otherwise. A token, and the password of a
// UsernameToken, are an API key or an access token; a UsernameToken beside a token says nothing.
func withCredentials(r *http.Request, c soap.Credentials) *http.Request {
	shown := cmp.Or(c.Token, c.Password)
	if shown == "" {
		return r
	}
	with := r.WithContext(r.Context())
	with.Header = maps.Clone(r.Header) // its values are shared, and not changed
	with.Header.Set(echo.HeaderAuthorization, "Bearer "+shown)
	return with
}

// essAnswer carries an operation out. Its error may be an *ess.Exception.
func (s *Server) essAnswer(c echo.Context, o ess.Operation, who account.Caller) (string, error) {
	if !who.May(account.Read) {
		return "", o.Unauthorized(fmt.Sprintf("this needs a key with the scope %s", account.Read))
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.producer.timeout)
	defer cancel()
	if o.Name == ess.GetSubscriberInfo {
		found, err := s.subscribers.Subscriber(ctx, who.Account, o.Subscriber)
		if err != nil {
			return "", s.exception(c, o, err)
		}
		return o.AnswerInfo(found), nil
	}
	block, err := s.subscribers.Dequeue(ctx, schemas.DequeueQuery{
		Account:     who.Account,
		Subscriber:  o.Subscriber,
		Acknowledge: o.TransactionID,
		CountMax:    o.BlockCount,
		BytesMax:    o.BytesMax,
		Large:       o.Large,
		Append:      ess.Append,
	})
	if err != nil {
		return "", s.exception(c, o, err)
	}
	if !o.Sayable(block.LastTransactionID) {
		return "", o.Unknown("the transaction IDs of this queue have more than nine digits; use dequeue2")
	}
	return o.Answer(block), nil
}

// exception says what came of an operation, and logs what its caller need not know.
func (s *Server) exception(c echo.Context, o ess.Operation, err error) error {
	if errors.Is(err, schemas.ErrUnknown) {
		return o.NotFound()
	}
	s.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "subscriber not served; whoever asked was told to ask again", slog.String("what", o.Name), slog.Any("error", err))
	return o.Unknown("the queue does not answer; nothing is lost, call again")
}

// fault answers why an operation was not carried out, with the status that each version of SOAP wants.
func fault(c echo.Context, v soap.Version, f soap.Fault) error {
	status := http.StatusInternalServerError // SOAP 1.1, section 6.2
	if v == soap.V12 && f.Caller && !f.Unversioned {
		status = http.StatusBadRequest // SOAP 1.2 part 2, table 20
	}
	return c.Blob(status, v.ContentType(), f.Encode(v))
}

// getWSDL describes the service, at the host that it was asked for.
func (s *Server) getWSDL(c echo.Context) error {
	path := essPath
	if c.Path() == essShortPath {
		path = essShortPath
	}
	text, err := ess.WSDL(c.Scheme() + "://" + c.Request().Host + path)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, soap.V11.ContentType(), text)
}
