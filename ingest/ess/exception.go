// Package ess speaks the dequeue of the Event Subscription Service (seed 002): the operations dequeue, dequeue2 and
// getSubscriberInfo, their parameters, blocks and exceptions. What is in a block is ours; its form is that of the original.
package ess

import (
	"fmt"

	"parley/ingest/soap"
)

// Namespaces are those of the service's elements and of its types.
const (
	servicesNamespace = "http://websvcs.otswebws"
	typesNamespace    = "http://datatype.otswebws"
)

// Exception is a WSException: why an operation was not carried out. Code has three digits, and means what the operation's
// list says.
type Exception struct {
	Code string
	Text string
	// Caller: it is the caller's fault.
	Caller bool
}

func (e *Exception) Error() string { return e.Code + " " + e.Text }

// Fault is the exception in an envelope. Clients look for the word WSException.
func (e *Exception) Fault() soap.Fault {
	return soap.Fault{
		Caller: e.Caller,
		Text:   "WSException " + e.Error(),
		Detail: fmt.Sprintf(`<d:WSException xmlns:d=%q><code>%s</code><description>%s</description></d:WSException>`, typesNamespace, e.Code, soap.Escape(e.Text)),
	}
}

// codes are those of an operation; the same number means different things in different ones.
type codes struct {
	unknown, missing, unauthorized, notFound, subscriber, block, transaction string
}

// The lists of the operations. That of dequeue2 was never published: it is dequeue's, without the block count.
var (
	dequeueCodes = codes{unknown: "001", missing: "002", unauthorized: "004", notFound: "005", subscriber: "006", block: "007", transaction: "008"}
	infoCodes    = codes{unknown: "001", missing: "002", unauthorized: "003", notFound: "004", subscriber: "005"}
)
