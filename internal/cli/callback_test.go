package cli_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"parley/internal/webhook"
	"parley/schemas"
)

// callbackForm is what whom a call by SOAP has named is sent.
const callbackForm = `RequestID=01a2054b-08e1-79c2-afae-c6adfca61d47&ConversationID=order-1&OverallStatusCode=Has+Errors&StatusCode=Has+Errors&StatusMessage=on+the+list&ErrorCode=12014&RequestType=Asynchronous&ResultType=Asynchronous&SequenceCode=1`

const callbackBody = `{"type":"call.completed","sequence":"0-7","cursor":"AQ","timestamp":"2026-12-01T08:00:00Z","call":{"requestId":"01a2054b-08e1-79c2-afae-c6adfca61d47","conversationId":"order-1","sequenceCode":1,"callsInConversation":2,"status":"OK"}}`

// sendCallback is "callback HOST:PORT FILE ID STATUS [form]": it sends a callback, or a form, that is signed with the secret in a
// file, once somebody takes any there, who must answer it with the status.
func sendCallback(ts *testscript.TestScript, _ bool, args []string) {
	secret, err := webhook.ParseSecret(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	body, contentType := callbackBody, schemas.ContentJSON
	if len(args) > 4 {
		body, contentType = callbackForm, schemas.ContentForm
	}
	client := http.Client{Timeout: 10 * time.Second}
	await(ts, "somebody takes callbacks", func() bool {
		r, err := http.NewRequest(http.MethodPost, "http://"+args[0]+"/hook", strings.NewReader(body))
		ts.Check(err)
		r.Header.Set("Content-Type", contentType)
		webhook.Sign(r.Header, args[2], time.Now(), []byte(body), secret)
		response, err := client.Do(r)
		if err != nil {
			return false
		}
		response.Body.Close()
		if got := strconv.Itoa(response.StatusCode); got != args[3] {
			ts.Fatalf("callback %s is answered %s, want %s", args[2], got, args[3])
		}
		return true
	})
}

// retiringForm is how a secret is told of that was replaced.
var retiringForm = regexp.MustCompile(`secret ([0-9a-f]{8}) signs beside it`)

// secretID is "secretid FILE NAME": it takes the id of the secret that was replaced as a setting.
func secretID(ts *testscript.TestScript, _ bool, args []string) {
	id := retiringForm.FindStringSubmatch(ts.ReadFile(args[0]))
	if id == nil {
		ts.Fatalf("no secret in %s", args[0])
	}
	ts.Setenv(args[1], id[1])
}
