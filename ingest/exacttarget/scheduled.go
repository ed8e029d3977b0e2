package exacttarget

import (
	"fmt"

	"parley/ingest/soap"
	"parley/schemas"
)

// scheduledMax bounds how many scheduled calls and conversations one request deletes: each is waited for.
const scheduledMax = 100

// Scheduled are the ids of the conversations that a DeleteRequest cancels: those of its ScheduledConversations, and of its
// ScheduledRequests, each of which is a call on its own. None: it is a call like any other. Its problem is of a request that is both.
func Scheduled(e *soap.Element, limits schemas.Limits) ([]string, *schemas.Problem) {
	var ids []string
	others := 0
	for o := range Objects(e) {
		var id *soap.Element
		pointer := fmt.Sprintf("/objects/%d", len(ids))
		switch o.Type.Local {
		case "ScheduledConversation":
			id = o.Child("ConversationID")
		case "ScheduledRequest":
			id = o.Child("RequestID")
		default:
			others++
			continue
		}
		if n := len(id.Value()); n == 0 || n > limits.ConversationIDBytesMax {
			return nil, &schemas.Problem{Code: schemas.NotFound, Pointer: pointer, Detail: "it names nothing that is scheduled: a ScheduledConversation has a ConversationID, a ScheduledRequest a RequestID"}
		}
		ids = append(ids, id.Value())
	}
	switch {
	case len(ids) > 0 && others > 0:
		return nil, &schemas.Problem{Code: schemas.MixedRoutes, Pointer: "/objects", Detail: "what is scheduled is deleted by a request that deletes nothing else"}
	case len(ids) > scheduledMax:
		return nil, &schemas.Problem{Code: schemas.TooManyObjects, Pointer: "/objects", Detail: fmt.Sprintf("a request deletes at most %d of what is scheduled, this one has %d", scheduledMax, len(ids))}
	}
	return ids, nil
}
