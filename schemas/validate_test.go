package schemas_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// valid is a call of which everything is right and that has everything.
func valid() *parleyv1.Call {
	return &parleyv1.Call{
		Account: "acme",
		Method:  "Create",
		Objects: []*parleyv1.Object{{Type: "Row", CorrelationId: "a", Properties: []byte(`{"a":1}`)}},
		Options: &parleyv1.Options{
			ConversationId:      new("order-1234"),
			SequenceCode:        new(int32(2)),
			CallsInConversation: new(int32(3)),
			SendResponseTo:      []*parleyv1.ResponseTarget{{ResponseType: "email", ResponseAddress: "user@example.com"}},
		},
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	l := byMail()
	tests := map[string]func(*parleyv1.Call){
		"everything":                func(*parleyv1.Call) {},
		"no options":                func(c *parleyv1.Call) { c.Options = nil },
		"longest account":           func(c *parleyv1.Call) { c.Account = strings.Repeat("a", 64) },
		"given request id":          func(c *parleyv1.Call) { c.RequestId = "018f4c1e-7c1a-7b5e-9d55-0242ac120002" },
		"perform with action":       func(c *parleyv1.Call) { c.Method, c.Action = "Perform", "start" },
		"perform without action":    func(c *parleyv1.Call) { c.Method = "Perform" },
		"as many objects as may be": func(c *parleyv1.Call) { c.Objects = rows(l.ObjectsMax) },
		"longest type":              func(c *parleyv1.Call) { c.Objects[0].Type = strings.Repeat("t", l.NameBytesMax) },
		"no correlation ids":        func(c *parleyv1.Call) { c.Objects = []*parleyv1.Object{{Type: "a"}, {Type: "a"}} },
		"the correlation ids of sub-objects are data": func(c *parleyv1.Call) {
			c.Objects[0].Properties = []byte(`{"subscribers": [{"correlationId": "a"}, {"correlationId": "a"}]}`)
		},
		"empty properties":        func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(" {\n} ") },
		"conversation of one":     func(c *parleyv1.Call) { c.Options.SequenceCode, c.Options.CallsInConversation = nil, nil },
		"longest conversation id": func(c *parleyv1.Call) { c.Options.ConversationId = new(strings.Repeat("c", l.ConversationIDBytesMax)) },
		"any character in it":     func(c *parleyv1.Call) { c.Options.ConversationId = new("a/b\x00 \n%2F é\u2028\U0001F600") },
		"last of most parts": func(c *parleyv1.Call) {
			c.Options.SequenceCode, c.Options.CallsInConversation = new(l.PartsMax), new(l.PartsMax)
		},
		"first of one": func(c *parleyv1.Call) {
			c.Options.SequenceCode, c.Options.CallsInConversation = new(int32(1)), new(int32(1))
		},
		"scheduled at the horizon":       func(c *parleyv1.Call) { c.Options.ScheduledTimeMs = new(now.Add(l.ScheduleHorizon).UnixMilli()) },
		"scheduled in the past":          func(c *parleyv1.Call) { c.Options.ScheduledTimeMs = new(int64(0)) },
		"synchronous":                    func(c *parleyv1.Call) { c.Options = &parleyv1.Options{RequestType: "Synchronous"} },
		"priority":                       func(c *parleyv1.Call) { c.Options.Priority = "Low" },
		"fail on":                        func(c *parleyv1.Call) { c.Options.FailOn = "Never" },
		"no response":                    func(c *parleyv1.Call) { c.Options.SendResponseTo[0] = &parleyv1.ResponseTarget{ResponseType: "None"} },
		"response by HTTP":               func(c *parleyv1.Call) { c.Options.SendResponseTo[0] = post("http://[::1]:8080/hook?a=b") },
		"response when a call completes": func(c *parleyv1.Call) { c.Options.SendResponseTo[0].RespondWhen = "OnCallComplete" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := valid()
			change(call)
			if p := l.Validate(call, now); p != nil {
				t.Error(p)
			}
		})
	}
}

// Every word that the options know is taken, alone and with every other.
func TestValidateKnowsTheWords(t *testing.T) {
	t.Parallel()
	l := byMail()
	targets := map[string]string{"None": "", "email": "user@example.com", "HTTPPost": "https://example.com/hook"}
	for _, when := range []string{"", "Never", "OnError", "Always", "OnConversationError", "OnConversationComplete", "OnCallComplete"} {
		for kind, address := range targets {
			call := valid()
			call.Options.SendResponseTo = []*parleyv1.ResponseTarget{{
				ResponseType: kind, ResponseAddress: address, RespondWhen: when, IncludeResults: true, IncludeObjects: true, OnlyIncludeBase: true,
			}, {ResponseType: kind, ResponseAddress: address, RespondWhen: when, IncludeObjects: true}}
			if p := l.Validate(call, now); p != nil {
				t.Errorf("%s %s: %v", kind, when, p)
			}
		}
	}
	for _, priority := range []string{"", "Low", "Medium", "High"} {
		for _, failOn := range []string{"", "HasErrors", "Error", "Never"} {
			for _, requestType := range []string{"", "Asynchronous"} {
				call := valid()
				call.Options.Priority, call.Options.FailOn, call.Options.RequestType = priority, failOn, requestType
				if p := l.Validate(call, now); p != nil {
					t.Errorf("%q %q %q: %v", priority, failOn, requestType, p)
				}
			}
		}
	}
	for _, method := range []string{"Create", "Update", "Delete", "Perform"} {
		call := valid()
		call.Method = method
		if p := l.Validate(call, now); p != nil {
			t.Errorf("%s: %v", method, p)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	l := byMail()
	tests := []struct {
		name    string
		change  func(*parleyv1.Call)
		code    schemas.Code
		pointer string
	}{
		{"no account", func(c *parleyv1.Call) { c.Account = "" }, schemas.InvalidParameter, "/account"},
		{"account too long", func(c *parleyv1.Call) { c.Account = strings.Repeat("a", 65) }, schemas.InvalidParameter, "/account"},
		{"account with a slash", func(c *parleyv1.Call) { c.Account = "a/b" }, schemas.InvalidParameter, "/account"},
		{"account with a newline", func(c *parleyv1.Call) { c.Account = "a\n" }, schemas.InvalidParameter, "/account"},
		{"request id not a UUID", func(c *parleyv1.Call) { c.RequestId = "7" }, schemas.InvalidParameter, "/requestId"},
		{"request id in upper case", func(c *parleyv1.Call) { c.RequestId = "018F4C1E-7C1A-7B5E-9D55-0242AC120002" }, schemas.InvalidParameter, "/requestId"},
		{"no method", func(c *parleyv1.Call) { c.Method = "" }, schemas.UnknownMethod, "/method"},
		{"method in lower case", func(c *parleyv1.Call) { c.Method = "create" }, schemas.UnknownMethod, "/method"},
		{"action without perform", func(c *parleyv1.Call) { c.Action = "start" }, schemas.InvalidParameter, "/action"},
		{"action too long", func(c *parleyv1.Call) { c.Method, c.Action = "Perform", strings.Repeat("a", l.NameBytesMax+1) }, schemas.InvalidParameter, "/action"},
		{"no objects", func(c *parleyv1.Call) { c.Objects = nil }, schemas.NoObjects, "/objects"},
		{"too many objects", func(c *parleyv1.Call) { c.Objects = rows(l.ObjectsMax + 1) }, schemas.TooManyObjects, "/objects"},
		{"no type", func(c *parleyv1.Call) { c.Objects = append(rows(2), &parleyv1.Object{}) }, schemas.ObjectTypeRequired, "/objects/2/type"},
		{"null object", func(c *parleyv1.Call) { c.Objects[0] = nil }, schemas.ObjectTypeRequired, "/objects/0/type"},
		{"type too long", func(c *parleyv1.Call) { c.Objects[0].Type = strings.Repeat("t", l.NameBytesMax+1) }, schemas.InvalidParameter, "/objects/0/type"},
		{"customer key too long", func(c *parleyv1.Call) { c.Objects[0].CustomerKey = strings.Repeat("t", l.NameBytesMax+1) }, schemas.InvalidParameter, "/objects/0/customerKey"},
		{"subscriber key too long", func(c *parleyv1.Call) { c.Objects[0].SubscriberKey = strings.Repeat("t", l.NameBytesMax+1) }, schemas.InvalidParameter, "/objects/0/subscriberKey"},
		{"partner key too long", func(c *parleyv1.Call) { c.Objects[0].PartnerKey = strings.Repeat("t", l.NameBytesMax+1) }, schemas.InvalidParameter, "/objects/0/partnerKey"},
		{"id too long", func(c *parleyv1.Call) { c.Objects[0].Id = strings.Repeat("t", l.NameBytesMax+1) }, schemas.InvalidParameter, "/objects/0/id"},
		{"object id too long", func(c *parleyv1.Call) { c.Objects[0].ObjectId = strings.Repeat("t", l.NameBytesMax+1) }, schemas.InvalidParameter, "/objects/0/objectId"},
		{"correlation id not UTF-8", func(c *parleyv1.Call) { c.Objects[0].CorrelationId = "\xff" }, schemas.InvalidParameter, "/objects/0/correlationId"},
		{"correlation id twice", func(c *parleyv1.Call) {
			c.Objects = append(rows(3), &parleyv1.Object{Type: "Row", CorrelationId: "1"})
		}, schemas.DuplicateCorrelationID, "/objects/3/correlationId"},
		{"properties a number", func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(`5`) }, schemas.InvalidBody, "/objects/0/properties"},
		{"properties not JSON", func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(`{"a":}`) }, schemas.InvalidBody, "/objects/0/properties"},
		{"request type", func(c *parleyv1.Call) { c.Options.RequestType = "Later" }, schemas.InvalidParameter, "/options/requestType"},
		{"priority", func(c *parleyv1.Call) { c.Options.Priority = "high" }, schemas.InvalidParameter, "/options/priority"},
		{"fail on", func(c *parleyv1.Call) { c.Options.FailOn = "Always" }, schemas.InvalidParameter, "/options/failOn"},
		{"parts without conversation", func(c *parleyv1.Call) { c.Options.ConversationId = nil }, schemas.ConversationIDRequired, "/options/conversationId"},
		{"empty conversation id", func(c *parleyv1.Call) { c.Options.ConversationId = new("") }, schemas.ConversationIDRequired, "/options/conversationId"},
		{"conversation id too long", func(c *parleyv1.Call) {
			c.Options.ConversationId = new(strings.Repeat("c", l.ConversationIDBytesMax+1))
		}, schemas.InvalidParameter, "/options/conversationId"},
		{"conversation id not UTF-8", func(c *parleyv1.Call) { c.Options.ConversationId = new("\xff") }, schemas.InvalidParameter, "/options/conversationId"},
		{"no sequence code", func(c *parleyv1.Call) { c.Options.SequenceCode = nil }, schemas.SequenceCodeRequired, "/options/sequenceCode"},
		{"no calls in conversation", func(c *parleyv1.Call) { c.Options.CallsInConversation = nil }, schemas.CallsInConversationRequired, "/options/callsInConversation"},
		{"sequence code 0", func(c *parleyv1.Call) { c.Options.SequenceCode = new(int32(0)) }, schemas.SequenceCodeOutOfRange, "/options/sequenceCode"},
		{"sequence code past the end", func(c *parleyv1.Call) { c.Options.SequenceCode = new(int32(4)) }, schemas.SequenceCodeOutOfRange, "/options/sequenceCode"},
		{"calls 0", func(c *parleyv1.Call) { c.Options.CallsInConversation = new(int32(0)) }, schemas.CallsInConversationOutOfRange, "/options/callsInConversation"},
		{"too many calls", func(c *parleyv1.Call) { c.Options.CallsInConversation = new(l.PartsMax + 1) }, schemas.CallsInConversationOutOfRange, "/options/callsInConversation"},
		{"synchronous conversation", func(c *parleyv1.Call) { c.Options.RequestType = "Synchronous" }, schemas.SynchronousConversation, "/options/requestType"},
		{"synchronous and scheduled", func(c *parleyv1.Call) {
			c.Options = &parleyv1.Options{RequestType: "Synchronous", ScheduledTimeMs: new(now.UnixMilli())}
		}, schemas.SynchronousConversation, "/options/requestType"},
		{"scheduled past the horizon", func(c *parleyv1.Call) {
			c.Options.ScheduledTimeMs = new(now.Add(l.ScheduleHorizon).UnixMilli() + 1)
		}, schemas.ScheduledTooFar, "/options/scheduledTime"},
		{"to be started before it is scheduled", func(c *parleyv1.Call) {
			c.Options.ScheduledTimeMs, c.Options.StartByMs = new(now.UnixMilli()+2), new(now.UnixMilli()+1)
		}, schemas.InvalidParameter, "/options/startBy"},
		{"to be started when it is scheduled", func(c *parleyv1.Call) {
			c.Options.ScheduledTimeMs, c.Options.StartByMs = new(now.UnixMilli()), new(now.UnixMilli())
		}, schemas.InvalidParameter, "/options/startBy"},
		{"no response type", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseType = "" }, schemas.InvalidParameter, "/options/sendResponseTo/0/responseType"},
		{"response by FTP", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseType = "FTP" }, schemas.ResponseTypeReserved, "/options/sendResponseTo/0/responseType"},
		{"respond when", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].RespondWhen = "Later" }, schemas.InvalidParameter, "/options/sendResponseTo/0/respondWhen"},
		{"mail without domain", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseAddress = "user" }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"mail with a name", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseAddress = "U <user@example.com>" }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"mail with a quoted local part", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseAddress = `"u s"@example.com` }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"mail in another script", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseAddress = "user@exämple.com" }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"mail to an address literal", func(c *parleyv1.Call) { c.Options.SendResponseTo[0].ResponseAddress = "user@[192.0.2.1]" }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"mail with a long local part", func(c *parleyv1.Call) {
			c.Options.SendResponseTo[0].ResponseAddress = strings.Repeat("u", 65) + "@example.com"
		}, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"relative URL", func(c *parleyv1.Call) { c.Options.SendResponseTo[0] = post("/hook") }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"URL without host", func(c *parleyv1.Call) { c.Options.SendResponseTo[0] = post("http://:80/") }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"URL of another scheme", func(c *parleyv1.Call) { c.Options.SendResponseTo[0] = post("gopher://example.com") }, schemas.InvalidResponseAddress, "/options/sendResponseTo/0/responseAddress"},
		{"the second response", func(c *parleyv1.Call) {
			c.Options.SendResponseTo = append(c.Options.SendResponseTo, post(""))
		}, schemas.InvalidResponseAddress, "/options/sendResponseTo/1/responseAddress"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			call := valid()
			tt.change(call)
			p := l.Validate(call, now)
			if p == nil {
				t.Fatal("accepted")
			}
			if p.Code != tt.code || p.Pointer != tt.pointer || p.Detail == "" {
				t.Errorf("%s, want %s at %s", p, tt.code, tt.pointer)
			}
		})
	}
}

func rows(n int) []*parleyv1.Object {
	objects := make([]*parleyv1.Object, n)
	for i := range objects {
		objects[i] = &parleyv1.Object{Type: "Row", CorrelationId: fmt.Sprint(i)}
	}
	return objects
}

func post(address string) *parleyv1.ResponseTarget {
	return &parleyv1.ResponseTarget{ResponseType: "HTTPPost", ResponseAddress: address}
}

// byMail are the limits of an installation that tells callers by mail, too.
func byMail() schemas.Limits {
	l := schemas.DefaultLimits()
	l.Mail = true
	return l
}

func TestNobodyIsToldByMailWithoutAServer(t *testing.T) {
	t.Parallel()
	p := schemas.DefaultLimits().Validate(valid(), now)
	if p == nil || p.Code != schemas.InvalidParameter || p.Pointer != "/options/sendResponseTo/0/responseType" {
		t.Errorf("%v, want InvalidParameter at the type", p)
	}
}
