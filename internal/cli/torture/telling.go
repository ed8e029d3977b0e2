package torture

import (
	"context"
	"fmt"
	"strconv"

	"parley/schemas"
)

// tellings are what is known of who was told: what was asked for, what came to the receivers and to the queues, and what
// ClickHouse holds.
type tellings struct {
	*checks
	at            addresses
	rows          []row
	conversations []conversationRow
	deliveries    []deliveryRow
	callbacks     map[telling]callback
	queues        []*queue
	// tenures are the sequences at which a partition got a next owner.
	tenures map[int32][]int64

	// ends are all that ended, and asked those tellings of them that must be.
	ends  map[string]end
	asked map[telling]bool
}

// telling is what one receiver is told of one end.
type telling struct {
	// event is the sequence of what ended, as partition-sequence; address is the URL.
	event, address string
}

// end is how a call or a conversation ended.
type end struct{ account, status string }

// conversationRow is the end of a conversation as ClickHouse shows it, deliveryRow a delivery.
type conversationRow struct {
	account, conversation string
	status                schemas.ConversationStatus
	event                 string
}

type deliveryRow struct {
	telling
	status   schemas.DeliveryStatus
	code     string
	attempts int
}

const (
	// What was resubmitted has a row beside that of its end.
	selectConversations = `SELECT DISTINCT account, conversation_id, status, concat(toString(partition), '-', toString(sequence)) FROM conversations_log WHERE continued_by = ''`
	selectDeliveries    = `SELECT concat(toString(partition), '-', toString(about)), response_address, status, error_code, attempts FROM deliveries`
)

// tellings collects what is known.
func (r *run) tellings(ctx context.Context, rows []row) (*tellings, error) {
	t := &tellings{
		checks: r.checks, at: r.receiver.at, rows: rows, callbacks: r.receiver.heard(), queues: r.queues, tenures: r.observer.tenures,
	}
	answer, err := r.group.answers.Rows(ctx, selectConversations, rowsMax)
	if err != nil {
		return nil, err
	}
	for _, cells := range answer.Rows {
		t.conversations = append(t.conversations, conversationRow{cells[0], cells[1], schemas.ConversationStatus(cells[2]), cells[3]})
	}
	if answer, err = r.group.answers.Rows(ctx, selectDeliveries, rowsMax); err != nil {
		return nil, err
	}
	for _, cells := range answer.Rows {
		attempts, err := strconv.Atoi(cells[4])
		if err != nil {
			return nil, fmt.Errorf("read row of deliveries: %w", err)
		}
		t.deliveries = append(t.deliveries, deliveryRow{telling{cells[0], cells[1]}, schemas.DeliveryStatus(cells[2]), cells[3], attempts})
	}
	return t, nil
}

// judge holds them against each other.
func (t *tellings) judge() {
	t.ask()
	for _, look := range []func(){t.told, t.recorded, t.repeated, t.queued} {
		look()
	}
}

// ask finds out who must be told of what.
func (t *tellings) ask() {
	t.ends, t.asked = make(map[string]end), make(map[telling]bool)
	parts := make(map[[2]string][]*call) // by account and conversation
	for _, one := range t.rows {
		t.ends[one.event] = end{one.account, string(one.status)}
		if one.call == nil {
			continue // said elsewhere
		}
		for _, to := range one.call.targets {
			if to.toldOfCall(one.status) {
				t.asked[telling{one.event, t.at.of(one.account, to.receiver)}] = true
			}
		}
		if key := [2]string{one.account, one.conversation}; one.status != schemas.Rejected {
			parts[key] = append(parts[key], one.call)
		}
	}
	for _, c := range t.conversations {
		t.ends[c.event] = end{c.account, string(c.status)}
		for _, part := range parts[[2]string{c.account, c.conversation}] {
			for _, to := range part.targets {
				if to.toldOfConversation(c.status) {
					t.asked[telling{c.event, t.at.of(c.account, to.receiver)}] = true
				}
			}
		}
	}
}

const (
	ruleTold    rule = "ends that were told to whom asked for it"
	ruleUnasked rule = "callbacks that somebody has asked for"
	ruleSays    rule = "callbacks and transactions that say what ClickHouse shows"
)

// told: who asked to be told has taken a callback, and nobody else got any.
func (t *tellings) told() {
	for what := range t.asked {
		if c := t.callbacks[what]; c.taken > 0 {
			t.held(ruleTold)
		} else {
			t.broke(ruleTold, "%s at %s: it came %d times", what.event, what.address, c.came)
		}
	}
	for what, c := range t.callbacks {
		if !t.asked[what] {
			t.broke(ruleUnasked, "%s at %s", what.event, what.address)
			continue
		}
		t.held(ruleUnasked)
		t.says(what.event, what.address, statusOf(c.said.Call, c.said.Conversation))
	}
}

// says looks at what was said of an end.
func (t *tellings) says(event, to, said string) {
	if shown := t.ends[event].status; said != shown {
		t.broke(ruleSays, "%s to %s: %q, shown is %q", event, to, said, shown)
		return
	}
	t.held(ruleSays)
}

// statusOf is the status of what ended, of which there is one.
func statusOf(call *schemas.CallResource, conversation *schemas.ConversationResource) string {
	switch {
	case call != nil:
		return string(call.Status)
	case conversation != nil:
		return string(conversation.Status)
	}
	return ""
}

const (
	ruleDelivery        rule = "deliveries that ClickHouse shows as taken"
	ruleUnaskedDelivery rule = "deliveries of what somebody has asked for"
)

// recorded: of every telling there is a record, which says that it was taken.
func (t *tellings) recorded() {
	shown := make(map[telling]bool)
	for _, d := range t.deliveries {
		shown[d.telling] = true
		switch {
		case !t.asked[d.telling]:
			t.broke(ruleUnaskedDelivery, "%s at %s", d.event, d.address)
			continue
		case d.status != schemas.Delivered:
			t.broke(ruleDelivery, "%s at %s: %s %s after %d attempts", d.event, d.address, d.status, d.code, d.attempts)
		default:
			t.held(ruleDelivery)
		}
		t.held(ruleUnaskedDelivery)
	}
	for what := range t.asked {
		if !shown[what] {
			t.broke(ruleDelivery, "%s at %s is not there", what.event, what.address)
		}
	}
}

const ruleRepeated rule = "callbacks that came as often as is recorded, or again by a next owner of their partition"

// repeated: an attempt is recorded, or was under way when its partition got another owner, who made it again.
func (t *tellings) repeated() {
	for _, d := range t.deliveries {
		partition, sequence, err := placeOf(d.event)
		if err != nil {
			t.broke(ruleRepeated, "%v", err)
			continue
		}
		owners := 0
		for _, at := range t.tenures[partition] {
			if at >= sequence {
				owners++
			}
		}
		if c := t.callbacks[d.telling]; c.came > d.attempts+owners {
			t.broke(ruleRepeated, "%s at %s came %d times, by %d attempts and %d next owners", d.event, d.address, c.came, d.attempts, owners)
			continue
		}
		t.held(ruleRepeated)
	}
}

// placeOf reads a sequence.
func placeOf(event string) (partition int32, sequence int64, _ error) {
	if _, err := fmt.Sscanf(event, "%d-%d", &partition, &sequence); err != nil {
		return 0, 0, fmt.Errorf("read sequence %q: %w", event, err)
	}
	return partition, sequence, nil
}

const (
	ruleQueueLost    rule = "ends that came to the queue of their account"
	ruleQueueTwice   rule = "ends that came to a queue once"
	ruleQueueStrange rule = "transactions of ends of the account"
)

// queued: the subscriber of an account has got all that ended of it, once.
func (t *tellings) queued() {
	for _, q := range t.queues {
		for event, e := range t.ends {
			switch n := len(q.took[event]); {
			case e.account != q.account:
			case n == 0:
				t.broke(ruleQueueLost, "%s of %s", event, q.account)
			case n > 1:
				t.broke(ruleQueueTwice, "%s of %s: %d times", event, q.account, n)
			default:
				t.held(ruleQueueLost)
				t.held(ruleQueueTwice)
			}
		}
		for event, got := range q.took {
			if e, known := t.ends[event]; !known || e.account != q.account {
				t.broke(ruleQueueStrange, "%s to %s", event, q.account)
				continue
			}
			t.held(ruleQueueStrange)
			for _, status := range got {
				t.says(event, q.account, status)
			}
		}
	}
}

// String says how much was told.
func (t *tellings) String() string {
	came, taken, got := 0, 0, 0
	for _, c := range t.callbacks {
		came += c.came
		taken += c.taken
	}
	for _, q := range t.queues {
		got += q.n
	}
	return fmt.Sprintf("%d callbacks were asked for; they came %d times, and were taken %d times. Of %d ends, %d were dequeued", len(t.asked), came, taken, len(t.ends), got)
}
