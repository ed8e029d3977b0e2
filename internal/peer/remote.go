package peer

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/internal/telemetry"
	"parley/schemas"
)

// remote is the Owner in another process. Whether it is the one that the address once stood for, only its answers prove.
type remote struct {
	address string
	key     *Key
	client  *http.Client
}

// errUnreachable is of an owner that could not be asked, or whose answer is not one.
var errUnreachable = fmt.Errorf("owner is not reachable: %w", schemas.ErrUnavailable)

// errSilent is of one that has not answered in time.
var errSilent = fmt.Errorf("no answer in time: %w", errUnreachable)

// errRefused is of one that does not take our questions: it has another secret, or another time.
var errRefused = fmt.Errorf("owner refuses the question: %w", errUnreachable)

func (r remote) Request(ctx context.Context, q schemas.RequestQuery, in ...int32) (schemas.CallResource, error) {
	return put[schemas.CallResource](ctx, r, pathRequest, asked[schemas.RequestQuery]{In: in, Query: q}, q.Wait)
}

func (r remote) Conversation(ctx context.Context, q schemas.ConversationQuery, in ...int32) (schemas.ConversationResource, error) {
	return put[schemas.ConversationResource](ctx, r, pathConversation, asked[schemas.ConversationQuery]{In: in, Query: q}, q.Wait)
}

func (r remote) Answer(ctx context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	return put[schemas.AnswerVerdict](ctx, r, pathAnswer, asked[schemas.AnswerQuery]{Query: q}, 0)
}

func (r remote) RouteOutage(ctx context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error) {
	return put[schemas.RouteOutage](ctx, r, pathRouteOutage, asked[schemas.RouteQuery]{Query: q}, 0)
}

func (r remote) Deliveries(ctx context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
	return put[[]schemas.EndDeliveries](ctx, r, pathDeliveries, asked[schemas.DeliveriesQuery]{Query: q}, 0)
}

func (r remote) Usage(ctx context.Context, accounts []string, in ...int32) (map[string]schemas.AccountUsage, error) {
	return put[map[string]schemas.AccountUsage](ctx, r, pathUsage, asked[[]string]{In: in, Query: accounts}, 0)
}

func (r remote) Erasures(ctx context.Context, q schemas.ErasureQuery, in ...int32) ([]schemas.ErasureProgress, error) {
	return put[[]schemas.ErasureProgress](ctx, r, pathErasures, asked[schemas.ErasureQuery]{In: in, Query: q}, 0)
}

func (r remote) Audit(ctx context.Context, stored map[int32]int64, in ...int32) ([]schemas.PartitionCounts, error) {
	return put[[]schemas.PartitionCounts](ctx, r, pathAudit, asked[map[int32]int64]{In: in, Query: stored}, 0)
}

func (r remote) Conversations(ctx context.Context, q schemas.ConversationsQuery, in ...int32) ([]schemas.ConversationResource, error) {
	return put[[]schemas.ConversationResource](ctx, r, pathConversations, asked[schemas.ConversationsQuery]{In: in, Query: q}, 0)
}

const (
	// dialTimeout is how long a node may take to accept a connection; one that is gone does not.
	dialTimeout = time.Second
	// silence is how long an owner may take beyond the wait that it was asked for: it may read up to the end of the log
	// first, for 2 s.
	silence = 3 * time.Second
	// answerBytesMax bounds an answer: a page of 100 calls, with as many results as they had objects.
	answerBytesMax = 128 << 20
	// idlePerNode is how many connections to a node stay open without a question: each poll that waits holds one.
	idlePerNode = 64
)

// newTransport reaches nodes, by TLS those that trust can verify. It knows no proxy: they are ours.
func newTransport(trust *tls.Config) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     trust,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		MaxIdleConnsPerHost: idlePerNode,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
}

func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// put asks a question of the node.
func put[R any](ctx context.Context, to remote, path string, question any, wait time.Duration) (none R, _ error) {
	body, err := encode(question)
	if err != nil {
		return none, fmt.Errorf("encode question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, wait+silence)
	defer cancel()
	b, err := to.post(ctx, path, body)
	if err != nil {
		return none, fmt.Errorf("ask %s: %w", to.address, err)
	}
	var s said[R]
	switch err := decode(b, &s); {
	case err != nil:
		return none, fmt.Errorf("ask %s: %w: %w", to.address, err, errUnreachable)
	case s.Failure != nil:
		return none, s.Failure.err()
	case s.Answer == nil:
		return none, fmt.Errorf("ask %s: neither an answer nor a failure: %w", to.address, errUnreachable)
	}
	return *s.Answer, nil
}

// base is the URL of the node.
func (r remote) base() string {
	if strings.HasPrefix(r.address, secure) {
		return r.address
	}
	return "http://" + r.address
}

// post returns the body of an answer that is proved to be of one of our nodes.
func (r remote) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base()+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.Join(err, errUnreachable)
	}
	at := strconv.FormatInt(time.Now().UnixMilli(), 10)
	mac := r.key.question(http.MethodPost, path, at, body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(headerTime, at)
	req.Header.Set(headerMAC, base64.RawURLEncoding.EncodeToString(mac))
	telemetry.TraceOf(ctx).SetHeader(req.Header)
	req.Header["X-Idempotency-Key"] = nil // not sent: it has a connection that was closed meanwhile replaced (http.Transport)
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, missed(ctx, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden:
		return nil, errRefused
	default:
		return nil, fmt.Errorf("status %d: %w", resp.StatusCode, errUnreachable)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return nil, missed(ctx, err)
	}
	given, err := base64.RawURLEncoding.DecodeString(resp.Header.Get(headerMAC))
	if err != nil || !hmac.Equal(given, r.key.answer(mac, b)) {
		return nil, fmt.Errorf("the answer is not of a node of ours: %w", errRefused)
	}
	return b, nil
}

// missed is the failure of a question that was not answered before ctx ended, or not at all.
func missed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(err, errSilent)
	}
	return errors.Join(err, errUnreachable)
}
