package soap_test

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"parley/ingest/soap"
)

const security = `<s:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="1">` +
	`<wsse:UsernameToken><wsse:Username>ann@ACME</wsse:Username><wsse:Password Type="#PasswordText">se&lt;cret</wsse:Password><wsse:Nonce>AAAA</wsse:Nonce></wsse:UsernameToken></wsse:Security></s:Header>`

func TestDecode(t *testing.T) {
	t.Parallel()
	for namespace, version := range map[string]soap.Version{"http://schemas.xmlsoap.org/soap/envelope/": soap.V11, "http://www.w3.org/2003/05/soap-envelope": soap.V12} {
		r, err := soap.Decode([]byte(`<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="` + namespace + `">` + security +
			`<s:Body><w:dequeue2 xmlns:w="http://websvcs.otswebws" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><subscriberId> 7
			</subscriberId><transactionIdIn xsi:nil="true"/></w:dequeue2></s:Body></s:Envelope>`))
		if err != nil || r.Version != version || r.Operation != "dequeue2" || r.Username != "ann@ACME" || r.Password != "se<cret" {
			t.Errorf("%+v, %v", r, err)
		}
		if text, ok := r.Parameter("subscriberId"); text != "7" || !ok {
			t.Errorf("subscriberId %q, %t", text, ok)
		}
		for _, name := range []string{"transactionIdIn", "blockCount"} {
			if text, ok := r.Parameter(name); ok {
				t.Errorf("%s %q", name, text)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	v11 := func(inner string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` + inner + `</s:Envelope>`
	}
	for name, text := range map[string]string{
		"nothing":        "",
		"JSON":           "{}",
		"no end":         v11(`<s:Body>`),
		"no body":        v11(``),
		"an empty body":  v11(`<s:Body/>`),
		"two operations": v11(`<s:Body><a/><b/></s:Body>`),
		"a DOCTYPE":      `<!DOCTYPE a [<!ENTITY b "c">]>` + v11(`<s:Body><a>&b;</a></s:Body>`),
		"an entity":      v11(`<s:Body><a>&b;</a></s:Body>`),
	} {
		if r, err := soap.Decode([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if _, err := soap.Decode([]byte(`<Envelope xmlns="urn:another"><Body><a/></Body></Envelope>`)); !errors.Is(err, soap.ErrVersion) {
		t.Errorf("another envelope: %v", err)
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	f := soap.Fault{Caller: true, Text: `"5" < 6 & more`, Detail: "<why/>"}
	for version, want := range map[soap.Version]string{soap.V11: "<faultcode>soapenv:Client</faultcode>", soap.V12: "<soapenv:Value>soapenv:Sender</soapenv:Value>"} {
		text := string(f.Encode(version))
		if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
			t.Errorf("%v in %s", err, text)
		}
		for _, part := range []string{want, "&lt; 6 &amp; more", "<why/>"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %s", text, part)
			}
		}
	}
}

// Whatever comes, what is read of it can be written.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` + security + `<s:Body><dequeue><subscriberId>7</subscriberId></dequeue></s:Body></s:Envelope>`))
	f.Add([]byte(`<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><a b="c">d</a></Body></Envelope>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := soap.Decode(text)
		if err != nil {
			return
		}
		p, _ := r.Parameter("subscriberId")
		answer := soap.Fault{Text: p + r.Operation}.Encode(r.Version)
		if err := xml.Unmarshal(answer, new(struct{})); err != nil {
			t.Fatalf("%v in %s", err, answer)
		}
	})
}
