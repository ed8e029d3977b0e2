package soap_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"parley/ingest/soap"
)

const (
	envelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	envelope12 = "http://www.w3.org/2003/05/soap-envelope"
	security   = `<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="1">` +
		`<wsse:UsernameToken><wsse:Username>ann@ACME</wsse:Username><wsse:Password Type="#PasswordText">se&lt;cret</wsse:Password><wsse:Nonce>AAAA</wsse:Nonce></wsse:UsernameToken></wsse:Security>`
)

// v11 is an envelope around what it holds.
func v11(inner string) string {
	return `<s:Envelope xmlns:s="` + envelope11 + `">` + inner + `</s:Envelope>`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	operation := `<w:dequeue2 xmlns:w="urn:w" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" a="b" w:a="c"><subscriberId> 7
		</subscriberId><transactionIdIn xsi:nil="true">8</transactionIdIn><!-- no --><Objects xmlns="urn:d" xsi:type="Subscriber">a<![CDATA[<b>]]>&#99;</Objects>` +
		`<Objects xsi:type="w:List"/></w:dequeue2>`
	for namespace, version := range map[string]soap.Version{envelope11: soap.V11, envelope12: soap.V12} {
		r, err := soap.Decode(http.Header{}, []byte(`<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="`+namespace+`"><s:Header>`+security+
			`<a:Action xmlns:a="urn:a">dequeue2</a:Action><a:MessageID xmlns:a="urn:a">uuid:1</a:MessageID></s:Header><s:Body>`+operation+`</s:Body></s:Envelope>`))
		if err != nil || r.Version != version || r.Action != "dequeue2" || r.MessageID != "uuid:1" || r.Credentials != (soap.Credentials{Username: "ann@ACME", Password: "se<cret"}) || string(r.Text) != operation {
			t.Fatalf("%+v, %v", r, err)
		}
		want := soap.Element{
			Name:  xml.Name{Space: "urn:w", Local: "dequeue2"},
			Attrs: []xml.Attr{{Name: xml.Name{Local: "a"}, Value: "b"}, {Name: xml.Name{Space: "urn:w", Local: "a"}, Value: "c"}},
			Children: []soap.Element{
				{Name: xml.Name{Local: "subscriberId"}, Text: " 7\n\t\t"},
				{Name: xml.Name{Local: "transactionIdIn"}, Nil: true, Text: "8"},
				{Name: xml.Name{Space: "urn:d", Local: "Objects"}, Type: xml.Name{Space: "urn:d", Local: "Subscriber"}, Text: "a<b>c"},
				{Name: xml.Name{Local: "Objects"}, Type: xml.Name{Space: "urn:w", Local: "List"}},
			},
		}
		if !reflect.DeepEqual(r.Body, want) {
			t.Errorf("%+v, want %+v", r.Body, want)
		}
		if v := r.Body.Child("subscriberId").Value(); v != "7" {
			t.Errorf("subscriberId %q", v)
		}
		for _, name := range []string{"transactionIdIn", "blockCount"} {
			if v := r.Body.Child(name).Value(); v != "" {
				t.Errorf("%s %q", name, v)
			}
		}
	}
}

func TestDecodeCredentials(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]soap.Credentials{
		`<fueloauth xmlns="http://exacttarget.com"> T </fueloauth>`:                                                     {Token: "T"},
		`<fueloauth>T</fueloauth>`:                                                                                      {Token: "T"},
		`<oAuth xmlns="http://exacttarget.com"><oAuthToken>T</oAuthToken></oAuth>`:                                      {Token: "T"},
		security + `<e:oAuth xmlns:e="http://exacttarget.com"><oAuthToken>T</oAuthToken></e:oAuth>`:                     {Username: "ann@ACME", Password: "se<cret", Token: "T"},
		`<Security><UsernameToken><Username>*</Username><Password/></UsernameToken></Security><fueloauth>U</fueloauth>`: {Username: "*", Token: "U"},
		``: {},
	} {
		for _, inner := range []string{`<s:Header>` + header + `</s:Header><s:Body><a/></s:Body>`, `<s:Body><a/></s:Body><s:Header>` + header + `</s:Header>`} {
			if r, err := soap.Decode(http.Header{}, []byte(v11(inner))); err != nil || r.Credentials != want || string(r.Text) != "<a/>" {
				t.Errorf("%s: %+v, %q, %v", inner, r.Credentials, r.Text, err)
			}
		}
	}
}

func TestDecodeAction(t *testing.T) {
	t.Parallel()
	said := v11(`<s:Header><Action>Update</Action></s:Header><s:Body><a/></s:Body>`)
	for name, tt := range map[string]struct {
		head     http.Header
		document string
		want     string
	}{
		"quoted":                   {http.Header{"Soapaction": {`"Create"`}}, v11(`<s:Body><a/></s:Body>`), "Create"},
		"bare":                     {http.Header{"Soapaction": {`Create`}}, v11(`<s:Body><a/></s:Body>`), "Create"},
		"before the header's":      {http.Header{"Soapaction": {`Create`}}, said, "Create"},
		"empty, so the header's":   {http.Header{"Soapaction": {`""`}}, said, "Update"},
		"in a content type":        {http.Header{"Content-Type": {`application/soap+xml; charset=utf-8; action="Delete"`}}, strings.ReplaceAll(said, envelope11, envelope12), "Delete"},
		"of a content type of 1.1": {http.Header{"Content-Type": {`text/xml; action="Delete"`}}, said, "Update"},
		"nowhere":                  {http.Header{}, v11(`<s:Body><a/></s:Body>`), ""},
	} {
		if r, err := soap.Decode(tt.head, []byte(tt.document)); err != nil || r.Action != tt.want {
			t.Errorf("%s: %q, %v", name, r.Action, err)
		}
	}
}

func TestDecodeEncodings(t *testing.T) {
	t.Parallel()
	document := func(encoding string) []byte {
		return []byte(`<?xml version="1.0" encoding="` + encoding + `"?>` + v11(`<s:Body><a>grüße</a></s:Body>`))
	}
	encode := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"UTF-8":                   document("UTF-8"),
		"UTF-8 with a mark":       append([]byte("\xef\xbb\xbf"), document("utf-8")...),
		"without a declaration":   []byte(v11(`<s:Body><a>grüße</a></s:Body>`)),
		"ISO-8859-1":              encode(charmap.ISO8859_1.NewEncoder().Bytes(document("ISO-8859-1"))),
		"windows-1252":            encode(charmap.Windows1252.NewEncoder().Bytes(document("windows-1252"))),
		"UTF-16, little, a mark":  encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(document("utf-16"))),
		"UTF-16, big, a mark":     encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes(document("utf-16"))),
		"UTF-16, little, no mark": encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().Bytes(document("utf-16"))),
		"UTF-16, big, no mark":    encode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().Bytes(document("utf-16"))),
	} {
		if r, err := soap.Decode(http.Header{}, b); err != nil || r.Body.Text != "grüße" || string(r.Text) != "<a>grüße</a>" {
			t.Errorf("%s: %q, %q, %v", name, r.Body.Text, r.Text, err)
		}
	}
	for name, b := range map[string][]byte{"UTF-7": document("UTF-7"), "no UTF-8": encode(charmap.ISO8859_1.NewEncoder().Bytes(document("utf-8")))} {
		if r, err := soap.Decode(http.Header{}, b); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	body := func(inner string) string { return v11(`<s:Body>` + inner + `</s:Body>`) }
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                      {"", "the document has no element"},
		"JSON":                         {"{}", "outside"},
		"no end":                       {`<s:Envelope xmlns:s="` + envelope11 + `"><s:Body>`, "ends within the element s:Body"},
		"a broken tag":                 {body(`<a`), "expected attribute name in element"},
		"another end":                  {body(`<a></b>`), "the element a ends as b"},
		"an end with another prefix":   {body(`<a:b xmlns:a="u" xmlns:c="u"></c:b>`), "the element a:b ends as c:b"},
		"a second root":                {body(`<a/>`) + `<b/>`, "a second element"},
		"an end too many":              {body(`<a/>`) + `</b>`, "has not begun"},
		"text behind":                  {body(`<a/>`) + `b`, "text outside"},
		"no body":                      {v11(``), "has one Body"},
		"an empty body":                {v11(`<s:Body/>`), "has one Body"},
		"two bodies":                   {v11(`<s:Body><a/></s:Body><s:Body><b/></s:Body>`), "has one Body"},
		"two operations":               {body(`<a/><b/>`), "has one Body"},
		"a DOCTYPE":                    {`<!DOCTYPE a [<!ENTITY b "c">]>` + body(`<a>&b;</a>`), "DOCTYPE"},
		"a DOCTYPE within":             {body(`<!DOCTYPE a><a/>`), "DOCTYPE"},
		"an entity":                    {body(`<a>&b;</a>`), "invalid character entity &b;"},
		"an entity in an attribute":    {body(`<a b="&c;"/>`), "invalid character entity &c;"},
		"a character XML has not":      {body(`<a>&#1;</a>`), "illegal character"},
		"an instruction":               {body(`<?php exit ?><a/>`), "processing instruction"},
		"a declaration that is late":   {`<!-- --><?xml version="1.0"?>` + body(`<a/>`), "processing instruction"},
		"XML 1.1":                      {`<?xml version="1.1"?>` + body(`<a/>`), "unsupported version"},
		"an unbound prefix":            {body(`<b:a/>`), "the prefix of b:a is bound to no namespace"},
		"an unbound attribute":         {body(`<a b:c="d"/>`), "the prefix of b:c is bound to no namespace"},
		"an unbound type":              {body(`<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="b:c"/>`), "xsi:type: the prefix of b:c"},
		"a prefix out of scope":        {body(`<a><b xmlns:c="d"/><c:e/></a>`), "the prefix of c:e"},
		"a prefix without a namespace": {body(`<a xmlns:b=""/>`), "without a namespace"},
		"the prefix xml":               {body(`<a xmlns:xml="b"/>`), "not allowed"},
		"the prefix xmlns":             {body(`<a xmlns:xmlns="b"/>`), "not allowed"},
		"a name of two colons":         {body(`<a:b:c/>`), "expected element name"},
		"a name of a colon":            {body(`<a x:="1"/>`), "is not a name"},
		"an attribute twice":           {body(`<a b="c" b="d"/>`), "the attribute b twice"},
		"an attribute by two prefixes": {body(`<a xmlns:b="x" xmlns:c="x" b:d="1" c:d="2"/>`), "the attribute c:d twice"},
		"an attribute without quotes":  {body(`<a b=c/>`), "unquoted"},
	} {
		_, err := soap.Decode(http.Header{}, []byte(tt.text))
		f, ok := errors.AsType[soap.Fault](err)
		if !ok || !f.Caller || f.Unversioned || !strings.Contains(f.Text, tt.want) {
			t.Errorf("%s: %+v, want %q", name, err, tt.want)
		}
	}
	_, err := soap.Decode(http.Header{"Content-Type": {"application/soap+xml"}}, []byte(`<Envelope xmlns="urn:another"><Body><a/></Body></Envelope>`))
	if f, _ := errors.AsType[soap.Fault](err); !f.Unversioned {
		t.Errorf("another envelope: %+v", err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, of := range map[string]struct {
		inner func(n int) string
		max   int
	}{
		"depth":      {nested, soap.DepthMax - 2},
		"elements":   {func(n int) string { return "<a>" + strings.Repeat("<b/>", n) + "</a>" }, soap.ElementsMax - 3},
		"attributes": {func(n int) string { return "<a " + many(n, ` a%d=""`) + "/>" }, soap.AttributesMax},
		"namespaces": {func(n int) string { return "<a " + many(n, ` xmlns:a%d="b"`) + "/>" }, soap.AttributesMax - 1}, // and that of the envelope
		"a name":     {func(n int) string { return "<" + strings.Repeat("a", n) + "/>" }, soap.NameBytesMax - 1},
	} {
		if _, err := soap.Decode(http.Header{}, []byte(v11(`<s:Body>`+of.inner(of.max)+`</s:Body>`))); err != nil {
			t.Errorf("%s, %d: %v", name, of.max, err)
		}
		if _, err := soap.Decode(http.Header{}, []byte(v11(`<s:Body>`+of.inner(of.max+1)+`</s:Body>`))); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s, %d: %v", name, of.max+1, err)
		}
	}
}

// An element of too many attributes is refused before they are kept: a document needs about as much memory as it is long.
func TestCrowdedElement(t *testing.T) {
	document := []byte(`<a ` + strings.Repeat(` b=""`, 1_000_000) + `/>`)
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := soap.Decode(http.Header{}, document); err == nil || !strings.Contains(err.Error(), "more than") {
				b.Fatal(err)
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n == 0 || n > int64(len(document)) {
		t.Errorf("%d bytes allocated for a document of %d", n, len(document))
	}
}

// What is no attribute is not counted as one.
func TestNotCrowded(t *testing.T) {
	t.Parallel()
	quotes := strings.Repeat(`"'`, soap.AttributesMax+1)
	for _, inner := range []string{`<a>` + quotes + `</a>`, `<a><!--` + quotes + `--></a>`, `<a><![CDATA[<` + quotes + `]]></a>`, `<a b="` + strings.Repeat(`>'`, soap.AttributesMax+1) + `"/>`} {
		if _, err := soap.Decode(http.Header{}, []byte(v11(`<s:Body>`+inner+`</s:Body>`))); err != nil {
			t.Errorf("%.40s: %v", inner, err)
		}
	}
}

// Text in many pieces is put together in one go.
func TestPieces(t *testing.T) {
	t.Parallel()
	const pieces = 1_000_000
	r, err := soap.Decode(http.Header{}, []byte(v11(`<s:Body><a>`+strings.Repeat("b<!---->", pieces)+`</a></s:Body>`)))
	if err != nil || r.Body.Text != strings.Repeat("b", pieces) {
		t.Errorf("%d bytes of text, %v", len(r.Body.Text), err)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	h := soap.Header{Action: "CreateResponse", MessageID: "0e6ba1e1-9d52-4bd3-a1ad-b3bcba4ae4e2", RelatesTo: "uuid:<1>", At: time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)}
	const want = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"` +
		` xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><soap:Header><wsa:Action>CreateResponse</wsa:Action>` +
		`<wsa:MessageID>urn:uuid:0e6ba1e1-9d52-4bd3-a1ad-b3bcba4ae4e2</wsa:MessageID><wsa:RelatesTo>uuid:&lt;1&gt;</wsa:RelatesTo>` +
		`<wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To><wsse:Security><wsu:Timestamp wsu:Id="Timestamp-0e6ba1e1-9d52-4bd3-a1ad-b3bcba4ae4e2">` +
		`<wsu:Created>2026-11-22T23:00:00Z</wsu:Created><wsu:Expires>2026-11-22T23:05:00Z</wsu:Expires></wsu:Timestamp></wsse:Security></soap:Header><soap:Body><a/></soap:Body></soap:Envelope>`
	got := soap.Answer(soap.V11, &h, []byte("<a/>"))
	if string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, header := range []*soap.Header{&h, nil} {
		if r, err := soap.Decode(http.Header{}, soap.Answer(soap.V12, header, []byte("<a/>"))); err != nil || r.Version != soap.V12 || string(r.Text) != "<a/>" {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	own := xml.Name{Space: soap.SecurityNamespace, Local: "Security"}
	for _, tt := range []struct {
		version soap.Version
		fault   soap.Fault
		want    string
	}{
		{soap.V11, soap.Fault{Caller: true}, "<faultcode>soap:Client</faultcode>"},
		{soap.V11, soap.Fault{}, "<faultcode>soap:Server</faultcode>"},
		{soap.V11, soap.Fault{Caller: true, Unversioned: true}, "<faultcode>soap:VersionMismatch</faultcode>"},
		{soap.V11, soap.Fault{Caller: true, Code: own}, `<faultcode xmlns:q0="` + soap.SecurityNamespace + `">q0:Security</faultcode>`},
		{soap.V12, soap.Fault{Caller: true}, "<soap:Value>soap:Sender</soap:Value>"},
		{soap.V12, soap.Fault{Caller: true, Code: own}, `<soap:Subcode><soap:Value xmlns:q0="` + soap.SecurityNamespace + `">q0:Security</soap:Value></soap:Subcode>`},
	} {
		tt.fault.Text, tt.fault.Detail = `"5" < 6 & more`, "<why/>"
		b := tt.fault.Encode(tt.version)
		if r, err := soap.Decode(http.Header{}, b); err != nil || r.Body.Name.Local != "Fault" {
			t.Errorf("%v in %s", err, b)
		}
		for _, part := range []string{tt.want, "&lt; 6 &amp; more", "<why/>"} {
			if !strings.Contains(string(b), part) {
				t.Errorf("%s has no %s", b, part)
			}
		}
	}
}

// What is read is what encoding/xml reads, the text of an operation is a document of its own but for prefixes, and whatever is
// read can be written.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(v11(`<s:Header>` + security + `</s:Header><s:Body><dequeue a="b"><subscriberId>7</subscriberId></dequeue></s:Body>`)))
	f.Add([]byte(`<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><a b="c">d<!-- e --><![CDATA[f]]></a></Body></Envelope>`))
	f.Add([]byte("\xff\xfe<\x00a\x00"))
	f.Fuzz(func(t *testing.T, document []byte) {
		r, err := soap.Decode(http.Header{}, document)
		if err != nil {
			return
		}
		if !strings.HasPrefix(string(r.Text), "<") || !strings.HasSuffix(string(r.Text), ">") {
			t.Fatalf("operation %q", r.Text)
		}
		b := soap.Answer(r.Version, nil, []byte("<a>"+soap.Escape(r.Body.Text)+"</a>"))
		again, err := soap.Decode(http.Header{}, b)
		if err != nil || again.Body.Text != r.Body.Text {
			t.Fatalf("%q as %q, %v, in %s", r.Body.Text, again.Body.Text, err, b)
		}
	})
}
