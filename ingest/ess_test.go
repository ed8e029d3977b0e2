package ingest

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"parley/internal/account"
	"parley/schemas"
)

const (
	envelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	envelope12 = "http://www.w3.org/2003/05/soap-envelope"
)

// ess asks as clients do, with a password.
func (h *harness) ess(t testing.TB, namespace, password, operation string) reply {
	t.Helper()
	media := "text/xml;charset=UTF-8"
	if namespace == envelope12 {
		media = "application/soap+xml; charset=utf-8"
	}
	text := `<s:Envelope xmlns:s="` + namespace + `" xmlns:w="http://websvcs.otswebws"><s:Header>` +
		`<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="1"><wsse:UsernameToken>` +
		`<wsse:Username>ann@ACME</wsse:Username><wsse:Password>` + password + `</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header>` +
		`<s:Body>` + operation + `</s:Body></s:Envelope>`
	return h.do(t, http.MethodPost, essPath, []byte(text), "Content-Type", media, "SOAPAction", `""`)
}

// between is what stands between two texts: as simple clients read an answer.
func between(t testing.TB, text []byte, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(text), begin)
	inner, _, too := strings.Cut(rest, end)
	if !ok || !too {
		t.Fatalf("no %s…%s in %s", begin, end, text)
	}
	return inner
}

// tranBlock is a block as its readers decode it.
type tranBlock struct {
	Tran []struct {
		ID      int64  `xml:"ID,attr"`
		Company string `xml:"companyID,attr"`
		Aux     string `xml:"auxID,attr"`
		Body    struct {
			XMLName   xml.Name
			EventTS   string   `xml:"eventTS"`
			Sequence  string   `xml:"sequence"`
			Total     int      `xml:"total"`
			Truncated bool     `xml:"truncated"`
			Link      string   `xml:"link"`
			Keys      []string `xml:"result>customerKey"`
		} `xml:",any"`
	} `xml:"tran"`
}

func readBlock(t testing.TB, r reply) (b tranBlock) {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(between(t, r.body, "<transactions>", "</transactions>"))
	if err == nil {
		err = xml.Unmarshal(text, &b)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b
}

func TestESSDequeue(t *testing.T) {
	t.Parallel()
	for _, namespace := range []string{envelope11, envelope12} {
		h := start(t)
		s := h.subscribe(t)
		for range 3 {
			h.queues.put(s.SubscriberID, 2)
		}
		r := h.ess(t, namespace, "any", `<w:dequeue><subscriberId>1</subscriberId><blockCount>2</blockCount><transactionId>0</transactionId></w:dequeue>`)
		if got := between(t, r.body, "<count>", "</count>"); r.status != http.StatusOK || got != "2" {
			t.Fatalf("status %d, count %s: %s", r.status, got, r.body)
		}
		b := readBlock(t, r)
		if len(b.Tran) != 2 || b.Tran[0].ID != 1 || b.Tran[1].ID != 2 || b.Tran[0].Company != defaultAccount || b.Tran[0].Aux != "0" {
			t.Errorf("block %+v", b)
		}
		if body := b.Tran[0].Body; body.XMLName.Local != "T.call.completed.1" || body.EventTS != "2026-12-01T08:00:01Z" || body.Sequence != "3-1041" || len(body.Keys) != 2 || body.Keys[0] != "<&>" {
			t.Errorf("transaction %+v", body)
		}
		r = h.ess(t, namespace, "any", `<dequeue2><subscriberId>1</subscriberId><transactionIdIn>2</transactionIdIn></dequeue2>`)
		if got := between(t, r.body, "<transactionIdOut>", "</transactionIdOut>"); got != "3" {
			t.Errorf("transactionIdOut %s: %s", got, r.body)
		}
		r = h.ess(t, namespace, "any", `<dequeue2><subscriberId>1</subscriberId><transactionIdIn>3</transactionIdIn></dequeue2>`)
		if !strings.Contains(string(r.body), "<count>0</count><transactions></transactions><transactionIdOut>3</transactionIdOut>") {
			t.Errorf("an empty queue: %s", r.body)
		}
		r = h.ess(t, namespace, "any", `<w:getSubscriberInfo><subscriberID>1</subscriberID></w:getSubscriberInfo>`)
		for _, part := range []string{"<enqueueEnabled>1</enqueueEnabled>", "<queueDepth>0</queueDepth>", "<dequeueBlockCount>50</dequeueBlockCount>", "<warnThreshold>100000</warnThreshold>", "<fullThreshold>1000000</fullThreshold>", `<lastDequeueTime xmlns:xsi`} {
			if !strings.Contains(string(r.body), part) {
				t.Errorf("no %s in %s", part, r.body)
			}
		}
	}
}

// Blocks are as long as each operation has them, and a transaction is never torn.
func TestESSBounds(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(t)
	h.queues.put(s.SubscriberID, 1000)
	r := h.ess(t, envelope11, "", `<dequeue><subscriberId>1</subscriberId><blockCount>999</blockCount><transactionId>0</transactionId></dequeue>`)
	b := readBlock(t, r)
	if body := b.Tran[0].Body; !body.Truncated || body.Link != "/v1/requests/"+someID || body.Total != 1000 || len(body.Keys) > 999 || len(body.Keys) < 100 {
		t.Errorf("total %d, %d results, truncated %t, link %s", body.Total, len(body.Keys), body.Truncated, body.Link)
	}
	h.ess(t, envelope11, "", `<dequeue2><subscriberId>1</subscriberId><transactionIdIn>0</transactionIdIn></dequeue2>`)
	for i, want := range []struct {
		count, bytes int
		large        bool
	}{{999, schemas.BlockBytesMax, false}, {99_999, 1 << 20, true}} {
		if got := h.queues.asked[i]; got.CountMax != want.count || got.BytesMax > want.bytes || got.BytesMax < want.bytes-100 || got.Large != want.large {
			t.Errorf("asked for %d transactions, %d bytes, large %t; want %+v", got.CountMax, got.BytesMax, got.Large, want)
		}
	}
}

func TestESSExceptions(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.subscribe(t)
	dequeue := func(subscriber, block, transaction string) string {
		return `<w:dequeue><subscriberId>` + subscriber + `</subscriberId><blockCount>` + block + `</blockCount><transactionId>` + transaction + `</transactionId></w:dequeue>`
	}
	tests := []struct{ name, operation, code string }{
		{"no subscriber", `<w:dequeue><blockCount>1</blockCount><transactionId>0</transactionId></w:dequeue>`, "002"},
		{"an empty block count", dequeue("1", "", "0"), "002"},
		{"no transaction", `<w:dequeue2><subscriberId>1</subscriberId></w:dequeue2>`, "002"},
		{"nobody's subscriber", dequeue("99", "1", "0"), "005"},
		{"nobody's subscriber, high volume", `<w:dequeue2><subscriberId>99</subscriberId><transactionIdIn>0</transactionIdIn></w:dequeue2>`, "005"},
		{"a negative subscriber", dequeue("-1", "1", "0"), "006"},
		{"a subscriber too large", dequeue("1000000000", "1", "0"), "006"},
		{"a subscriber that is no number", dequeue("warehouse", "1", "0"), "006"},
		{"a block too large", dequeue("1", "1000", "0"), "007"},
		{"a negative block", dequeue("1", "-1", "0"), "007"},
		{"a transaction too large", dequeue("1", "1", "1000000000"), "008"},
		{"a transaction of 18 digits", `<w:dequeue2><subscriberId>1</subscriberId><transactionIdIn>100000000000000000</transactionIdIn></w:dequeue2>`, "008"},
		{"info of nobody's", `<w:getSubscriberInfo><subscriberID>99</subscriberID></w:getSubscriberInfo>`, "004"},
		{"info without a subscriber", `<w:getSubscriberInfo/>`, "002"},
		{"info of a subscriber out of range", `<w:getSubscriberInfo><subscriberID>0</subscriberID></w:getSubscriberInfo>`, "005"},
	}
	for _, tt := range tests {
		r := h.ess(t, envelope11, "", tt.operation)
		if got := between(t, r.body, "<code>", "</code>"); r.status != http.StatusInternalServerError || got != tt.code || !strings.Contains(string(r.body), "WSException") {
			t.Errorf("%s: status %d, code %s, want %s: %s", tt.name, r.status, got, tt.code, r.body)
		}
		if r := h.ess(t, envelope12, "", tt.operation); r.status != http.StatusBadRequest || !strings.Contains(string(r.body), "<code>"+tt.code+"</code>") {
			t.Errorf("%s, by SOAP 1.2: status %d: %s", tt.name, r.status, r.body)
		}
	}
	h.queues.err = fmt.Errorf("no broker: %w", schemas.ErrUnavailable)
	if r := h.ess(t, envelope12, "", dequeue("1", "1", "0")); r.status != http.StatusInternalServerError || !strings.Contains(string(r.body), "<code>001</code>") {
		t.Errorf("without Kafka: status %d: %s", r.status, r.body)
	}
}

func TestESSFaults(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, tt := range map[string]struct{ body, want string }{
		"no XML":               {"{}", "<faultcode>soap:Client</faultcode>"},
		"another envelope":     {`<Envelope xmlns="urn:a"><Body><dequeue/></Body></Envelope>`, "<faultcode>soap:VersionMismatch</faultcode>"},
		"an unknown operation": {`<s:Envelope xmlns:s="` + envelope11 + `"><s:Body><enqueue/></s:Body></s:Envelope>`, "there is no operation"},
	} {
		r := h.do(t, http.MethodPost, essShortPath, []byte(tt.body), "Content-Type", "text/xml")
		if r.status != http.StatusInternalServerError || !strings.Contains(string(r.body), tt.want) || strings.Contains(string(r.body), "WSException") {
			t.Errorf("%s: status %d: %s", name, r.status, r.body)
		}
	}
}

// The password of the token is an API key; a login that fails is no WSException.
func TestESSLogin(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	reads, submits := keys.mint("acme", []account.Scope{account.Read}), keys.mint("acme", []account.Scope{account.Submit})
	other := keys.mint("globex", account.Scopes())
	h := start(t, byKeys(keys))
	h.queues.keep("acme", 54)
	const dequeue, info = `<dequeue2><subscriberId>54</subscriberId><transactionIdIn>0</transactionIdIn></dequeue2>`, `<getSubscriberInfo><subscriberID>54</subscriberID></getSubscriberInfo>`
	for name, tt := range map[string]struct{ password, operation, want string }{
		"a key that may read":               {reads, dequeue, "<count>0</count>"},
		"no key":                            {"", dequeue, "WSEC6521E: Login failed"},
		"no key that there is":              {"se&lt;cret", dequeue, "WSEC6521E: Login failed"},
		"a key that may only submit":        {submits, dequeue, "<code>004</code>"},
		"a key that may only submit, info":  {submits, info, "<code>003</code>"},
		"the subscriber of another account": {other, dequeue, "<code>005</code>"},
	} {
		r := h.ess(t, envelope11, tt.password, tt.operation)
		if !strings.Contains(string(r.body), tt.want) || strings.Contains(tt.want, "WSEC") && strings.Contains(string(r.body), "WSException") {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	plain := `<s:Envelope xmlns:s="` + envelope11 + `"><s:Body>` + dequeue + `</s:Body></s:Envelope>`
	if r := h.do(t, http.MethodPost, essPath, []byte(plain), "Content-Type", "text/xml", "Authorization", "Bearer "+reads); r.status != http.StatusOK {
		t.Errorf("with the key in a header: %s", r.body)
	}
}

func TestWSDL(t *testing.T) {
	t.Parallel()
	h := start(t)
	for path, location := range map[string]string{essPath + "?wsdl": essPath, essPath: essPath, essWSDLPath: essPath, essShortPath + "?wsdl": essShortPath} {
		r := h.get(t, path)
		var d struct {
			XMLName  xml.Name
			Bindings []struct {
				Operations []struct {
					Name string `xml:"name,attr"`
				} `xml:"operation"`
			} `xml:"binding"`
			Ports []struct {
				Address struct {
					Location string `xml:"location,attr"`
				} `xml:"address"`
			} `xml:"service>port"`
		}
		if err := xml.Unmarshal(r.body, &d); err != nil || d.XMLName.Space != "http://schemas.xmlsoap.org/wsdl/" {
			t.Fatalf("%s: %v", path, err)
		}
		if len(d.Bindings) != 2 || len(d.Bindings[1].Operations) != 3 || len(d.Ports) != 2 || d.Ports[0].Address.Location != h.url+location {
			t.Errorf("%s: %+v", path, d)
		}
	}
}
