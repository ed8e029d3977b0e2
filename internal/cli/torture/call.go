package torture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"parley/internal/backend"
)

// place is where a call stands: the part of a conversation, or a call by itself.
type place struct {
	account string
	// conversation is empty for a call by itself, which single names.
	conversation string
	single       string
	code         int32
}

func (p place) String() string {
	if p.conversation == "" {
		return p.account + "/" + p.single
	}
	return fmt.Sprintf("%s/%s/%d", p.account, p.conversation, p.code)
}

// call is a call as it is meant. It may be sent several times, by HTTP and by Kafka, and spelled in other bytes; to
// Parley all of that is one call. A rival is another call for the same place.
type call struct {
	place
	of    int32 // CallsInConversation
	rival bool
	route string
	told  backend.Behavior
	// objects is how many the call has; the first one carries what the backend is told.
	objects  int
	priority string
	failOn   string
	// targets are whom it asks to be told.
	targets []target
}

// name tells a call from every other of a run.
func (c *call) name() string {
	if c.rival {
		return c.String() + "/rival"
	}
	return c.String()
}

type callJSON struct {
	Account   string       `json:"account,omitempty"`
	RequestID string       `json:"requestId,omitempty"`
	Method    string       `json:"method"`
	Objects   []objectJSON `json:"objects"`
	Options   *optionsJSON `json:"options,omitempty"`
}

type objectJSON struct {
	Type          string                      `json:"type"`
	CustomerKey   string                      `json:"customerKey"`
	CorrelationID string                      `json:"correlationId"`
	Properties    map[string]backend.Behavior `json:"properties,omitempty"`
}

type optionsJSON struct {
	ConversationID      string `json:"conversationId,omitempty"`
	SequenceCode        int32  `json:"sequenceCode,omitempty"`
	CallsInConversation int32  `json:"callsInConversation,omitempty"`
	Priority            string `json:"priority,omitempty"`
	FailOn              string `json:"failOn,omitempty"`

	SendResponseTo []targetJSON `json:"sendResponseTo,omitempty"`
}

// spelling is how a call is written down.
type spelling struct {
	// toKafka is whether it says its account and, by itself, its request id.
	toKafka bool
	// wide is whether there are spaces that mean nothing.
	wide bool
}

// json is the call in one line. The type of its objects is the name of the route that takes it.
func (c *call) json(s spelling, at addresses) ([]byte, error) {
	j := callJSON{Method: "Perform", Options: &optionsJSON{Priority: c.priority, FailOn: c.failOn}}
	if s.toKafka {
		j.Account = c.account
	}
	if c.conversation == "" {
		if s.toKafka {
			j.RequestID = c.single
		}
	} else {
		j.Options.ConversationID, j.Options.SequenceCode, j.Options.CallsInConversation = c.conversation, c.code, c.of
	}
	for _, t := range c.targets {
		j.Options.SendResponseTo = append(j.Options.SendResponseTo, t.json(c.account, at))
	}
	for i := range c.objects {
		o := objectJSON{Type: c.route, CustomerKey: c.String(), CorrelationID: fmt.Sprintf("%s/%d", c.name(), i)}
		if i == 0 && c.told != (backend.Behavior{}) {
			o.Properties = map[string]backend.Behavior{"_backend": c.told}
		}
		j.Objects = append(j.Objects, o)
	}
	line, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode call %s: %w", c.name(), err)
	}
	if s.wide {
		line = bytes.ReplaceAll(line, []byte(`":`), []byte(`": `))
	}
	return line, nil
}

// digest is by what ClickHouse tells which bytes a call was made of.
func digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
