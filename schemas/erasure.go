package schemas

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
)

// Erasure asks to erase what is held of a person: the body of POST /v1/erasures.
type Erasure struct {
	// Account is whose objects they are. Empty: the caller's.
	Account string `json:"account,omitzero"`
	// SubscriberKey is that of the objects.
	SubscriberKey string `json:"subscriberKey"`
	// DryRun only counts.
	DryRun bool `json:"dryRun,omitzero"`
}

// DecodeErasure reads an erasure in its JSON form, strictly.
func DecodeErasure(b []byte) (*Erasure, *Problem) {
	e := new(Erasure)
	if p := decodeCommand(b, e, "an erasure"); p != nil {
		return nil, p
	}
	if e.Account != "" && !ValidAccount(e.Account) {
		return nil, problem(InvalidParameter, "/account", "an account is 1 to 64 of A-Z a-z 0-9 . _ -; leave it out for your own")
	}
	if e.SubscriberKey == "" {
		return nil, problem(InvalidParameter, "/subscriberKey", "say whose data is to be erased: the subscriberKey of the objects")
	}
	return e, nil
}

// SubjectHash is a Subject in its text form: 16 hexadecimal digits.
type SubjectHash uint64

func (h SubjectHash) String() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(h)))
}

// MarshalText is String.
func (h SubjectHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText has written, and takes no other form.
func (h *SubjectHash) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err == nil && len(b) == 8 {
		*h = SubjectHash(binary.BigEndian.Uint64(b))
	}
	if err != nil || len(b) != 8 || h.String() != string(text) {
		return errors.New("a subject is 16 hexadecimal digits in lower case")
	}
	return nil
}

// Erase asks the owner of a partition to erase what it holds of a person: the value of an erase record, of which each
// partition of parley.calls gets one. It does not say the subscriberKey, or the log would keep that.
type Erase struct {
	Account string      `json:"account"`
	Subject SubjectHash `json:"subject"`
	DryRun  bool        `json:"dryRun,omitzero"`
}

// DecodeErase reads the value of an erase record, strictly.
func DecodeErase(b []byte) (*Erase, *Problem) {
	e := new(Erase)
	if p := decodeCommand(b, e, "an erase"); p != nil {
		return nil, p
	}
	if !ValidAccount(e.Account) {
		return nil, problem(InvalidParameter, "/account", "an account is 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	if e.Subject == 0 {
		return nil, problem(InvalidParameter, "/subject", "16 hexadecimal digits that are not all zero")
	}
	return e, nil
}

// EncodeErase is the inverse of DecodeErase.
func EncodeErase(e *Erase) ([]byte, error) { return json.Marshal(e) }

// ErasureQuery asks how far erasures have come whose records were appended at these places, one in a partition.
type ErasureQuery struct {
	Commands []Position
}

// ErasureProgress is how far an erasure has come in a partition.
type ErasureProgress struct {
	Partition int32
	// Ended: all that was accepted before its record has been looked at.
	Ended bool
	// Open and Kept count the calls that had objects of the person, of open conversations and of those that failed; Objects
	// the objects.
	Open, Kept, Objects int64
	// Sequence is that of the last event before the end: no later one tells of the person, but of calls that came later.
	Sequence int64
}

// RecordErasure asks to erase what is recorded of a person.
type RecordErasure struct {
	Account string
	Subject uint64
	// Upto has, for each partition, the sequence of the last event that may tell of the person.
	Upto map[int32]int64
	// DryRun only counts.
	DryRun bool
}

// RecordErased counts the rows in which something of a person was recorded.
type RecordErased struct {
	// Results are rows of objects, Calls those of calls whose message may speak of one.
	Results, Calls int64
}

// ErasureResource tells what has been erased of a person: the answer of POST /v1/erasures.
type ErasureResource struct {
	Account string      `json:"account"`
	Subject SubjectHash `json:"subject"`
	DryRun  bool        `json:"dryRun"`
	// ErasedAt is when all was erased.
	ErasedAt time.Time    `json:"erasedAt"`
	Erased   ErasedCounts `json:"erased"`
	// Remains are the places where something may still be.
	Remains []Remains `json:"remains"`
}

// ErasedCounts are what an erasure has found, and erased unless it was a dry run.
type ErasedCounts struct {
	// OpenCalls are calls of conversations that have not ended, KeptCalls those that are kept of conversations which failed.
	OpenCalls int64 `json:"openCalls"`
	KeptCalls int64 `json:"keptCalls"`
	// Objects are those of both.
	Objects int64 `json:"objects"`
	// Results are recorded results of objects, CallRows recorded calls whose message may speak of one.
	Results  int64 `json:"results"`
	CallRows int64 `json:"callRows"`
}

// Remains is a place where data of a person may still be after an erasure.
type Remains struct {
	// Place names it, as the topic parley.calls.
	Place string `json:"place"`
	// What says what is there, and how it goes.
	What string `json:"what"`
	// Until is when it has gone at the latest; nil: nobody here knows, see What.
	Until *time.Time `json:"until"`
}
