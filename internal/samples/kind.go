package samples

import "math/rand/v2"

// kind is what happens to a conversation.
type kind struct {
	name     string
	count    int // conversations of this kind
	partsMin int
	tell     story // nil: any
	change   func(r *rand.Rand, calls []call) []call
	expect   func(n int, c *Counts) // what comes of the n calls that change left
	once     bool                   // no call is sent again: it would be refused again, or not, as it comes
}

// Error codes that calls of the file fail with, as the backend of the shop would.
const (
	codeAddress = "InvalidEmailAddress"
	codeRow     = "InvalidRow"
	codeLocked  = "Locked"
)

// kinds returns the kinds of the file. Their order, counts and draws make the file: a change of any changes all.
func kinds() []kind {
	return []kind{
		{name: "plain", count: 1000, expect: complete},
		{name: "failing for a while", count: 40, change: failForAWhile, expect: func(n int, c *Counts) {
			complete(n, c)
			c.Retried++
		}},
		{name: "failing in its last part", count: 20, partsMin: 2, change: failLast, expect: func(n int, c *Counts) {
			c.ConversationsError++
			c.CallsOK += n - 1
			c.CallsError++
		}},
		{name: "failing in its first part", count: 40, partsMin: 2, tell: signupStory, change: failFirst, expect: func(n int, c *Counts) {
			c.ConversationsError++
			c.CallsError++
			c.CallsNotProcessed += n - 1
		}},
		{name: "failing for one of its objects", count: 25, partsMin: 2, tell: orderStory, change: failOneObject, expect: func(n int, c *Counts) {
			c.ConversationsError++
			c.CallsHasErrors++
			c.CallsNotProcessed += n - 1
		}},
		{name: "failing with failOn Error", count: 10, partsMin: 2, tell: orderStory, change: failOneObjectButGoOn, expect: func(n int, c *Counts) {
			c.ConversationsComplete++
			c.CallsHasErrors++
			c.CallsOK += n - 1
		}},
		{name: "failing with failOn Never", count: 15, partsMin: 3, tell: orderStory, change: failButGoOn, expect: func(n int, c *Counts) {
			c.ConversationsComplete++
			c.CallsError++
			c.CallsOK += n - 1
		}},
		{name: "incomplete", count: 30, partsMin: 2, change: loseOne, expect: func(n int, c *Counts) {
			c.ConversationsStaging++
			c.CallsStaged += n
		}},
		{name: "with a SequenceCodeConflict", count: 1, partsMin: 3, tell: orderStory, change: conflict, expect: refuseOne, once: true},
		{name: "with a CallsInConversationMismatch", count: 1, partsMin: 3, tell: orderStory, change: mismatch, expect: refuseOne, once: true},
	}
}

func complete(n int, c *Counts) {
	c.ConversationsComplete++
	c.CallsOK += n
}

// refuseOne is a conversation that ends while it is staged: the call that contradicts is rejected.
func refuseOne(n int, c *Counts) {
	c.ConversationsError++
	c.CallsRejected++
	c.CallsNotProcessed += n - 1
}

func failForAWhile(r *rand.Rand, calls []call) []call {
	calls[r.IntN(len(calls))].Objects[0].tell(told{FailTimes: 1 + r.IntN(2)})
	return calls
}

func failLast(_ *rand.Rand, calls []call) []call {
	last := calls[len(calls)-1].Objects
	for i := range last {
		last[i].tell(told{Error: codeLocked, Message: "another job holds it"})
	}
	return calls
}

func failFirst(_ *rand.Rand, calls []call) []call {
	calls[0].Objects[0].tell(told{Error: codeAddress, Message: "the address is not deliverable"})
	return calls
}

// failOneObject lets the last of the objects of the first call fail, which others do not depend on.
func failOneObject(_ *rand.Rand, calls []call) []call {
	objects := calls[0].Objects
	objects[len(objects)-1].tell(told{Error: codeRow, Message: "Sku is not in the catalog"})
	return calls
}

func failOneObjectButGoOn(r *rand.Rand, calls []call) []call {
	return failOn("Error", failOneObject(r, calls))
}

// failButGoOn lets the second call of an order fail, its confirmation, on which others do not depend.
func failButGoOn(_ *rand.Rand, calls []call) []call {
	calls[1].Objects[0].tell(told{Error: codeAddress, Message: "the address is not deliverable"})
	return failOn("Never", calls)
}

func failOn(what string, calls []call) []call {
	for i := range calls {
		calls[i].Options.FailOn = what
	}
	return calls
}

func loseOne(r *rand.Rand, calls []call) []call {
	lost := r.IntN(len(calls))
	return append(calls[:lost:lost], calls[lost+1:]...)
}

// conflict leaves two calls that both claim to be the second. Whichever comes first, the conversation ends when
// the other comes: it cannot have begun without the first.
func conflict(_ *rand.Rand, calls []call) []call {
	other := calls[2]
	other.Options.SequenceCode = 2
	return []call{calls[1], other}
}

// mismatch leaves two calls that disagree on how many there are.
func mismatch(_ *rand.Rand, calls []call) []call {
	calls[1].Options.CallsInConversation++
	return calls[:2]
}
