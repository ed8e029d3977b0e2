package torture

import (
	"math/rand/v2"

	"parley/schemas"
)

// The receivers of callbacks, each at an address of its own: what is slow or dead for one address of a host is so for all.
const (
	// receiverPrompt answers at once. Some callbacks it takes only when they come again, of some the answer is lost.
	receiverPrompt = "prompt"
	// receiverSlow takes its time.
	receiverSlow = "slow"
	// receiverAway is there but for the blows to VictimReceiver.
	receiverAway = "away"
)

var receivers = []string{receiverPrompt, receiverSlow, receiverAway}

// target is a receiver that a call asks to be told of an end.
type target struct {
	receiver string
	when     schemas.RespondWhen
}

var conditions = []schemas.RespondWhen{
	schemas.RespondOnCallComplete, schemas.RespondAlways, schemas.RespondOnError,
	schemas.RespondOnConversationComplete, schemas.RespondOnConversationError, schemas.RespondNever,
}

// toldOfCall reports whether the target is to be told that a call has ended, and toldOfConversation, that a conversation has.
func (t target) toldOfCall(end schemas.CallStatus) bool {
	switch t.when {
	case schemas.RespondOnCallComplete, schemas.RespondAlways:
		return true
	case schemas.RespondOnError:
		return end == schemas.HasErrors || end == schemas.Error
	}
	return false
}

func (t target) toldOfConversation(end schemas.ConversationStatus) bool {
	return t.when == schemas.RespondOnConversationComplete ||
		t.when == schemas.RespondOnConversationError && end != schemas.ConversationComplete
}

// In a part of the stories callers want to be told; a call of them has so many targets at the most, of which some may be the
// same receiver with another condition.
const (
	tellingPart = 0.6
	targetsMax  = 3
)

// askToBeTold chooses the targets of the calls of a story.
func (s *story) askToBeTold(rng *rand.Rand) {
	if rng.Float64() >= tellingPart {
		return
	}
	for _, c := range s.calls {
		for range rng.IntN(targetsMax + 1) {
			c.targets = append(c.targets, target{receivers[rng.IntN(len(receivers))], conditions[rng.IntN(len(conditions))]})
		}
	}
}

// targetJSON is a member of sendResponseTo.
type targetJSON struct {
	ResponseType    string              `json:"responseType"`
	ResponseAddress string              `json:"responseAddress"`
	RespondWhen     schemas.RespondWhen `json:"respondWhen"`
	IncludeResults  bool                `json:"includeResults,omitempty"`
	IncludeObjects  bool                `json:"includeObjects,omitempty"`
}

// json is how a call of an account names the target. What is told depends on the receiver alone, so that an address is told once
// of one end.
func (t target) json(account string, at addresses) targetJSON {
	return targetJSON{
		ResponseType: schemas.ResponseHTTPPost, ResponseAddress: at.of(account, t.receiver), RespondWhen: t.when,
		IncludeResults: t.receiver != receiverAway, IncludeObjects: t.receiver == receiverPrompt,
	}
}

// addresses are those of the receivers: host:port.
type addresses map[string]string

// of is the URL at which a receiver is told what concerns an account.
func (a addresses) of(account, receiver string) string {
	return "http://" + a[receiver] + "/" + account + "/" + receiver
}
