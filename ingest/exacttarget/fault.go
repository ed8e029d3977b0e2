package exacttarget

import (
	"encoding/xml"
	"fmt"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
)

// faultNamespace is that of the detail of faults (ETFrameworkFault.xsd).
const faultNamespace = "urn:fault.partner.exacttarget.com"

// Codes of an apifault.
const (
	faultUnknown     = 2 // no SOAPAction, or an outage
	faultMaintenance = 9
	faultForbidden   = 11
	faultRateLimited = 17
)

// Fault says that a request is not carried out, as clients of the interface know it; the same request may be in time.
func Fault(p *schemas.Problem) soap.Fault {
	switch p.Code {
	case schemas.Unauthenticated:
		return security("Login failed")
	case schemas.CodeExpired:
		return security("Token Expired")
	case schemas.Forbidden:
		return soap.Fault{Caller: true, Text: p.Message(), Detail: apiFault(faultForbidden, p.Message())}
	case schemas.RateLimited:
		return soap.Fault{Text: "Rate Limited", Detail: apiFault(faultRateLimited, p.Message())}
	case schemas.QueueUnavailable, schemas.RouteUnavailable, schemas.OwnerUnavailable:
		return soap.Fault{Text: "Unplanned Outage", Detail: apiFault(faultUnknown, p.Message())}
	case schemas.SynchronousTimeout, schemas.Internal:
		return soap.Fault{Text: p.Message(), Detail: apiFault(faultUnknown, p.Message())}
	}
	return soap.Fault{Caller: true, Text: p.Message()}
}

// security is a fault of who asks, without a detail: its text alone tells clients whether to fetch another token.
func security(text string) soap.Fault {
	return soap.Fault{Caller: true, Code: xml.Name{Space: soap.SecurityNamespace, Local: "Security"}, Text: text}
}

// Maintenance is the fault of a call whose backend is in maintenance.
func Maintenance(p *schemas.Problem) soap.Fault {
	return soap.Fault{Text: "Maintenance", Detail: apiFault(faultMaintenance, p.Message())}
}

// WrongAction is the fault of a SOAPAction that there is not; empty: none was given.
func WrongAction(action string) soap.Fault {
	if action == "" {
		const text = "the request has no SOAPAction, in HTTP's header, the content type or the header Action of WS-Addressing"
		return soap.Fault{Caller: true, Text: text, Detail: apiFault(faultUnknown, text)}
	}
	return soap.Fault{Caller: true, Text: fmt.Sprintf("Server did not recognize the value of HTTP Header SOAPAction: %.100s.", action)}
}

// WrongBody is the fault of a body that is not the one of its action.
func WrongBody(got xml.Name, want string) soap.Fault {
	return soap.Fault{Caller: true, Text: fmt.Sprintf("the Body holds {%.100s}%.100s; to this action belongs {%s}%s", got.Space, got.Local, partnerapi.Namespace, want)}
}

// apiFault is the detail of a fault.
func apiFault(code int, message string) string {
	return fmt.Sprintf(`<apifault xmlns=%q><Code>%d</Code><Message>%s</Message></apifault>`, faultNamespace, code, soap.Escape(message))
}
