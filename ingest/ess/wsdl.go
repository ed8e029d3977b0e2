package ess

import (
	_ "embed" // the description of the service
	"fmt"
	"strings"
	"text/template"

	"parley/ingest/soap"
)

//go:embed OTSWebSvcs.wsdl
var description string

// binding is how one version of SOAP reaches the service.
type binding struct{ Name, Port, Prefix string }

// WSDL describes the service (WSDL 1.1), which is reached at a URL by either version of SOAP.
func WSDL(location string) ([]byte, error) {
	t, err := template.New("wsdl").Parse(description)
	if err != nil {
		return nil, fmt.Errorf("parse WSDL: %w", err)
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{
		"Location":   soap.Escape(location),
		"Operations": []string{Dequeue, Dequeue2, GetSubscriberInfo},
		"Bindings":   []binding{{"OTSWebSvcsSoapBinding", "OTSWebSvcs", "soap"}, {"OTSWebSvcsSoap12Binding", "OTSWebSvcs12", "soap12"}},
	})
	if err != nil {
		return nil, fmt.Errorf("write WSDL: %w", err)
	}
	return []byte(b.String()), nil
}
