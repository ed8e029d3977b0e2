package ingest

import (
	"encoding/xml"
	"net/http"
	"testing"
)

func TestPartnerWSDL(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, path := range []string{partnerWSDLPath, partnerPath + "?wsdl", partnerPath + "?WSDL"} {
		r := h.get(t, path)
		var d struct {
			XMLName    xml.Name
			Operations []struct {
				Name string `xml:"name,attr"`
			} `xml:"portType>operation"`
			Address struct {
				Location string `xml:"location,attr"`
			} `xml:"service>port>address"`
		}
		if err := xml.Unmarshal(r.body, &d); err != nil || d.XMLName.Space != "http://schemas.xmlsoap.org/wsdl/" {
			t.Fatalf("%s: %v", path, err)
		}
		if len(d.Operations) != 9 || d.Address.Location != h.url+partnerPath {
			t.Errorf("%s: %+v", path, d)
		}
		if r := h.do(t, http.MethodHead, path, nil); r.status != http.StatusOK || len(r.body) != 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, r.status, len(r.body))
		}
	}
	if r := h.get(t, partnerFaultPath); r.status != http.StatusOK || xml.Unmarshal(r.body, new(struct{})) != nil {
		t.Errorf("%d: %s", r.status, r.body)
	}
}
