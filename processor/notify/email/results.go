package email

import (
	"encoding/xml"

	"parley/processor/notify"
	"parley/schemas"
)

// results is Results.xml: a ResultMessage for each call, with a ResultItem for each object. The names, and their order, are those of
// etframework.wsdl; ErrorCode is a word, where the WSDL has a number. No public source shows the root, so it is ours.
type results struct {
	XMLName  xml.Name        `xml:"http://exacttarget.com/wsdl/partnerAPI Results"`
	Messages []resultMessage `xml:"ResultMessage"`
}

type resultMessage struct {
	RequestID           string       `xml:"RequestID"`
	ConversationID      string       `xml:"ConversationID"`
	OverallStatusCode   string       `xml:"OverallStatusCode"`
	StatusCode          string       `xml:"StatusCode"`
	StatusMessage       string       `xml:"StatusMessage"`
	ErrorCode           string       `xml:"ErrorCode"`
	RequestType         string       `xml:"RequestType"`
	ResultType          string       `xml:"ResultType"`
	Items               []resultItem `xml:"ResultDetail>ResultItem"`
	SequenceCode        int32        `xml:"SequenceCode"`
	CallsInConversation int32        `xml:"CallsInConversation"`
}

type resultItem struct {
	CorrelationID     string     `xml:"CorrelationID"`
	StatusCode        string     `xml:"StatusCode"`
	StatusMessage     string     `xml:"StatusMessage"`
	OrdinalID         int        `xml:"OrdinalID"`
	ErrorCode         string     `xml:"ErrorCode"`
	RequestObjectType string     `xml:"RequestObjectType"`
	Object            *xmlObject `xml:"Object"`
}

// xmlObject is an object as its call had it. Properties is a JSON object, as text.
type xmlObject struct {
	PartnerKey    string `xml:"PartnerKey,omitempty"`
	ID            string `xml:"ID,omitempty"`
	ObjectID      string `xml:"ObjectID,omitempty"`
	CustomerKey   string `xml:"CustomerKey,omitempty"`
	SubscriberKey string `xml:"SubscriberKey,omitempty"`
	CorrelationID string `xml:"CorrelationID,omitempty"`
	Properties    string `xml:"Properties,omitempty"`
}

func resultsOf(n *notify.Notification) results {
	var all results
	if n.Call != nil {
		all.Messages = append(all.Messages, messageOf(n.Call))
	}
	if n.Conversation != nil {
		for i := range n.Conversation.Calls {
			all.Messages = append(all.Messages, messageOf(&n.Conversation.Calls[i]))
		}
	}
	return all
}

func messageOf(c *schemas.CallResource) resultMessage {
	m := resultMessage{
		RequestID: c.RequestID, ConversationID: c.ConversationID,
		OverallStatusCode: string(c.Status), StatusCode: string(c.Status), StatusMessage: c.Message, ErrorCode: string(c.ErrorCode),
		RequestType: "Asynchronous", ResultType: "Asynchronous",
		SequenceCode: c.SequenceCode, CallsInConversation: c.CallsInConversation,
	}
	for _, r := range c.Results {
		item := resultItem{
			CorrelationID: r.CorrelationID, StatusCode: string(r.Status), StatusMessage: r.Message,
			OrdinalID: r.Ordinal, ErrorCode: string(r.ErrorCode), RequestObjectType: r.ObjectType,
		}
		if o := r.Object; o != nil {
			item.Object = &xmlObject{
				PartnerKey: o.PartnerKey, ID: o.ID, ObjectID: o.ObjectID, CustomerKey: o.CustomerKey, SubscriberKey: o.SubscriberKey,
				CorrelationID: o.CorrelationID, Properties: string(o.Properties),
			}
		}
		m.Items = append(m.Items, item)
	}
	return m
}
