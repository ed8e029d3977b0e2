package torture

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"parley/internal/backend"
)

// sending is one time that a call is sent.
type sending struct {
	call *call
	// at is when, from the beginning of the load.
	at       time.Duration
	spelling spelling
	// astray is whether a record goes to a partition that is not its own.
	astray bool
}

// story is a conversation, or a call by itself: what it is made of, and how it is sent.
type story struct {
	calls []*call
	// withheld is a part that is never sent; nil: there is none.
	withheld *call
	sendings []sending
	command  command
}

// The longest that a part is sent behind the first one, and that a resend or a rival comes behind that. The last is
// often behind the end of the conversation.
const (
	shuffleMax = 800 * time.Millisecond
	resendMax  = 2 * time.Second
	rivalMax   = 5 * time.Second
)

var accounts = []string{"acme", "globex", "initech"}

// newStory makes the n-th story, which begins at a time.
func newStory(rng *rand.Rand, n int, at time.Duration) (story, error) {
	if rng.IntN(100) < 15 {
		return newSingle(rng, at, routeNames[rng.IntN(len(routeNames))])
	}
	var s story
	of := 1 + rng.Int32N(6)
	account := accounts[rng.IntN(len(accounts))]
	conversation := fmt.Sprintf("story-%d", n)
	whole := routeNames[rng.IntN(len(routeNames))]
	for code := int32(1); code <= of; code++ {
		c := &call{place: place{account: account, conversation: conversation, code: code}, of: of, route: whole}
		if rng.IntN(3) == 0 {
			c.route = routeNames[rng.IntN(len(routeNames))]
		}
		c.behave(rng)
		s.calls = append(s.calls, c)
	}
	switch fate := rng.IntN(100); {
	case fate < 4:
		s.withheld = s.calls[rng.IntN(len(s.calls))]
	case fate < 14:
		rival := *s.calls[rng.IntN(len(s.calls))]
		rival.rival = true
		if fate < 7 {
			rival.of++ // what disagrees about the number of parts
		}
		s.calls = append(s.calls, &rival)
	}
	for _, c := range s.calls {
		if c == s.withheld {
			continue
		}
		first := at + between(rng, 0, shuffleMax)
		if c.rival {
			first = at + between(rng, 0, rivalMax)
		}
		s.send(rng, c, first)
	}
	switch fate := rng.IntN(100); {
	case fate < 5:
		s.command = command{kind: cancels, at: at + between(rng, 0, resendMax)}
	case fate < 20:
		s.command = command{kind: resubmits + commandKind(fate%2), at: at + between(rng, rivalMax, 2*rivalMax)}
	}
	return s, nil
}

// newSingle makes a call without a ConversationID. A resend of it is known by its Idempotency-Key or, by Kafka, its
// request id; so it goes the same way as the first.
func newSingle(rng *rand.Rand, at time.Duration, route string) (story, error) {
	id, err := uuid.NewRandomFromReader(rand.NewChaCha8(seedOf(rng)))
	if err != nil {
		return story{}, fmt.Errorf("choose request id: %w", err)
	}
	c := &call{
		place: place{account: accounts[rng.IntN(len(accounts))], single: id.String(), code: 1},
		route: route,
	}
	c.behave(rng)
	s := story{calls: []*call{c}}
	first := sending{call: c, at: at, spelling: spelling{toKafka: rng.IntN(3) == 0}}
	s.sendings = append(s.sendings, first)
	if rng.IntN(6) == 0 {
		again := first
		again.at += between(rng, 0, resendMax)
		s.sendings = append(s.sendings, again)
	}
	return s, nil
}

func seedOf(rng *rand.Rand) (seed [32]byte) {
	for i := range seed {
		seed[i] = byte(rng.UintN(256))
	}
	return seed
}

// send adds the sendings of a part: most are sent once, some again, in the same bytes or others.
func (s *story) send(rng *rand.Rand, c *call, at time.Duration) {
	one := func(at time.Duration) {
		toKafka := rng.IntN(3) == 0
		s.sendings = append(s.sendings, sending{
			call: c, at: at,
			spelling: spelling{toKafka: toKafka, wide: rng.IntN(5) == 0},
			astray:   toKafka && rng.IntN(10) == 0,
		})
	}
	one(at)
	if rng.IntN(6) == 0 {
		one(at + between(rng, 0, resendMax))
	}
}

// behave chooses how large and how urgent a call is, and what the backend is told about it.
func (c *call) behave(rng *rand.Rand) {
	c.objects = 1 + rng.IntN(2)
	c.priority = []string{"", "", "Low", "Medium", "High"}[rng.IntN(5)]
	c.failOn = []string{"", "", "Error", "Never"}[rng.IntN(4)]
	if viaKafka(c.route) || c.route == routeSlow {
		return // nobody there reads it, or it would be slower still
	}
	switch fate := rng.IntN(100); {
	case fate >= 50: // under way for a while, but executed: who is killed meanwhile does not know
		c.told = backend.Behavior{LingerMs: between(rng, 0, lingerMax).Milliseconds()}
	case fate < 8:
		c.told = backend.Behavior{DelayMs: between(rng, 0, 300*time.Millisecond).Milliseconds()}
	case fate < 13:
		c.told = backend.Behavior{FailTimes: 1 + rng.IntN(3), RetryAfter: rng.IntN(2)}
		if c.route == routeBatch { // where it speaks for all calls of the request, and soon opens the circuit
			c.told.FailTimes = 1
		}
	case fate < 16:
		c.told = backend.Behavior{Error: codeRefused, Message: "as it was told"}
	case fate < 18 && c.route != routeBatch: // there it would fail them all
		c.told = backend.Behavior{Status: statusRefused, Error: codeRefused, Message: "as it was told"}
	case fate < 26:
		c.told = backend.Behavior{Defer: backend.DeferLate, AnswerAfterMs: between(rng, 0, time.Second).Milliseconds()}
	case fate < 28:
		c.told = backend.Behavior{Defer: backend.DeferEarly}
	case fate < 30:
		c.told = backend.Behavior{Defer: backend.DeferTwice, AnswerAfterMs: between(rng, 0, time.Second).Milliseconds()}
	case fate < 31:
		c.told = backend.Behavior{Defer: backend.DeferNever}
	}
}

// lingerMax is the longest that the backend keeps an answer back: within the attempt's timeout.
const lingerMax = 800 * time.Millisecond

// How the backend refuses what it is told to refuse.
const (
	codeRefused   = "Refused"
	statusRefused = 422
)

func between(rng *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(rng.Int64N(int64(to-from)+1))
}
