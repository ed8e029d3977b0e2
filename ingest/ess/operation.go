package ess

import (
	"fmt"
	"strconv"

	"parley/ingest/soap"
	"parley/schemas"
)

// Operation is what a caller wants of a subscriber's queue.
type Operation struct {
	Name       string
	Subscriber schemas.SubscriberID
	// BlockCount and BytesMax bound the block, TransactionID is acknowledged. Of getSubscriberInfo they are zero.
	BlockCount, BytesMax int
	TransactionID        int64
	// Large is dequeue2, whose blocks are bounded by bytes alone.
	Large bool

	codes codes
}

// Names of operations.
const (
	Dequeue           = "dequeue"
	Dequeue2          = "dequeue2"
	GetSubscriberInfo = "getSubscriberInfo"
)

const (
	// largeBytesMax and largeCountMax bound the blocks of dequeue2: about 1 MB, and a count of five digits.
	largeBytesMax = 1 << 20
	largeCountMax = 99_999
	// smallIDMax is the last transaction id that dequeue can speak of, largeIDMax that of dequeue2, of 17 digits.
	smallIDMax = 999_999_999
	largeIDMax = 99_999_999_999_999_999
)

// Read reads what is asked. Its namespace is not looked at: samples leave it out. Its error is an *Exception, or says that there is no such operation.
func Read(asked *soap.Element) (Operation, error) {
	switch asked.Name.Local {
	case Dequeue:
		return readDequeue(asked)
	case Dequeue2:
		return readDequeue2(asked)
	case GetSubscriberInfo:
		return readGetSubscriberInfo(asked)
	}
	return Operation{}, fmt.Errorf("there is no operation %.100q; there are %s, %s and %s", asked.Name.Local, Dequeue, Dequeue2, GetSubscriberInfo)
}

func readDequeue(asked *soap.Element) (Operation, error) {
	f := fields{of: asked, codes: dequeueCodes}
	o := Operation{
		Name:          Dequeue,
		Subscriber:    schemas.SubscriberID(f.number("subscriberId", 0, int64(schemas.SubscriberIDMax), f.codes.subscriber)),
		BlockCount:    int(f.number("blockCount", 0, schemas.BlockCountMax, f.codes.block)),
		TransactionID: f.number("transactionId", 0, smallIDMax, f.codes.transaction),
		BytesMax:      schemas.BlockBytesMax - len(blockBegin+blockEnd),
		codes:         f.codes,
	}
	return o, f.err
}

func readDequeue2(asked *soap.Element) (Operation, error) {
	f := fields{of: asked, codes: dequeueCodes}
	o := Operation{
		Name:          Dequeue2,
		Subscriber:    schemas.SubscriberID(f.number("subscriberId", 0, int64(schemas.SubscriberIDMax), f.codes.subscriber)),
		TransactionID: f.number("transactionIdIn", 0, largeIDMax, f.codes.transaction),
		BlockCount:    largeCountMax,
		BytesMax:      largeBytesMax - len(blockBegin+blockEnd),
		Large:         true,
		codes:         f.codes,
	}
	return o, f.err
}

func readGetSubscriberInfo(asked *soap.Element) (Operation, error) {
	f := fields{of: asked, codes: infoCodes}
	o := Operation{
		Name:       GetSubscriberInfo,
		Subscriber: schemas.SubscriberID(f.number("subscriberID", 1, int64(schemas.SubscriberIDMax), f.codes.subscriber)),
		codes:      f.codes,
	}
	return o, f.err
}

// fields reads the parameters of an operation, and keeps the first error, an *Exception.
type fields struct {
	of    *soap.Element
	codes codes
	err   error
}

// number is a parameter that must be there, and within bounds.
func (f *fields) number(name string, least, most int64, outside string) int64 {
	if f.err != nil {
		return 0
	}
	text := f.of.Child(name).Value()
	if text == "" {
		f.err = &Exception{Code: f.codes.missing, Text: fmt.Sprintf("Required field not specified: %s.", name), Caller: true}
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		f.err = &Exception{Code: outside, Text: fmt.Sprintf("%s is out of valid range: it is a number from %d to %d.", name, least, most), Caller: true}
		return 0
	}
	return n
}

// Unauthorized is the exception of a caller who may not do this.
func (o Operation) Unauthorized(why string) *Exception {
	return &Exception{Code: o.codes.unauthorized, Text: "User not authorized: " + why + ".", Caller: true}
}

// NotFound is the exception of a subscriber that the caller's account does not have.
func (o Operation) NotFound() *Exception {
	return &Exception{Code: o.codes.notFound, Text: "Subscriber ID not found.", Caller: true}
}

// Unknown is the exception of everything else; to ask again is safe.
func (o Operation) Unknown(why string) *Exception {
	return &Exception{Code: o.codes.unknown, Text: "Unknown Error: " + why + "."}
}

// Sayable reports whether the operation can speak of a transaction: dequeue knows ids of nine digits.
func (o Operation) Sayable(id int64) bool { return o.Large || id <= smallIDMax }
