package schemas

import (
	"net/url"
	"strings"

	parleyv1 "parley/schemas/parley/v1"
)

// RespondWhen says of which ends a target of sendResponseTo is told.
type RespondWhen string

const (
	RespondNever                  RespondWhen = "Never"
	RespondOnError                RespondWhen = "OnError"
	RespondAlways                 RespondWhen = "Always"
	RespondOnConversationError    RespondWhen = "OnConversationError"
	RespondOnConversationComplete RespondWhen = "OnConversationComplete"
	RespondOnCallComplete         RespondWhen = "OnCallComplete"
)

// Types of response that somebody is told by.
const (
	ResponseHTTPPost = "HTTPPost"
	ResponseEmail    = "email"
)

// Receiver is who stands behind a target: what is slow or dead for one address of it is so for all. Of an HTTPPost it is the
// host, with its port, of mail the domain. It has no zero byte.
func Receiver(t *parleyv1.ResponseTarget) string {
	at := t.GetResponseAddress()
	if u, err := url.Parse(at); t.GetResponseType() == ResponseHTTPPost && err == nil {
		at = u.Host
	} else if i := strings.LastIndexByte(at, '@'); i >= 0 {
		at = at[i+1:]
	}
	return t.GetResponseType() + " " + strings.ReplaceAll(strings.ToLower(at), "\x00", "")
}
