package partnerapi_test

import (
	"slices"
	"strings"
	"testing"

	"parley/internal/partnerapi"
)

// The members that the documents of the interface list, in the order of its schema.
func TestMembers(t *testing.T) {
	t.Parallel()
	const base = "Client PartnerKey PartnerProperties CreatedDate ModifiedDate ID ObjectID CustomerKey Owner CorrelationID ObjectState "
	const options = "Client SendResponseTo SaveOptions Priority ConversationID SequenceCode CallsInConversation ScheduledTime RequestType QueuePriority"
	for name, want := range map[string]string{
		"APIObject":             strings.TrimSpace(base),
		"CreateOptions":         options + " Container",
		"UpdateOptions":         options + " Container Action",
		"DeleteOptions":         options,
		"PerformOptions":        options + " Explanation ProgramActivityInstanceID",
		"RetrieveOptions":       options + " BatchSize IncludeObjects OnlyIncludeBase",
		"AsyncResponse":         "ResponseType ResponseAddress RespondWhen IncludeResults IncludeObjects OnlyIncludeBase",
		"TriggeredSend":         base + "TriggeredSendDefinition Subscribers Attributes",
		"DataExtensionObject":   base + "Type Properties Name Keys",
		"ResultItem":            base + "RequestID ConversationID StatusCode StatusMessage OrdinalID ErrorCode RequestType RequestObjectType",
		"ResultMessage":         base + "RequestID ConversationID OverallStatusCode StatusCode StatusMessage ErrorCode RequestType ResultType ResultDetailXML SequenceCode CallsInConversation",
		"ScheduledConversation": base + "ConversationID",
		"ScheduledRequest":      base + "RequestID",
		"CreateResult":          "StatusCode StatusMessage OrdinalID ErrorCode RequestID ConversationID OverallStatusCode RequestType ResultType ResultDetailXML NewID NewObjectID PartnerKey Object CreateResults ParentPropertyName",
		"ExtractRequest":        "Client ID Options Parameters Description Definition",
	} {
		var got []string
		for _, m := range partnerapi.Lookup(name).Members {
			got = append(got, m.Name)
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s has %s", name, got)
		}
	}
}
