package processor

import (
	"fmt"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// A callback's cursor stands behind its event, so that what is recorded later stands behind it, in every partition, and so does
// what its receiver has not been told yet. Of the partitions of this node it knows where that is. Of those of others it has a
// time, long enough before the end that is told of.

// cursorMargin is by how much the time of a cursor precedes the end that is told of: the clocks of nodes differ, an end takes a
// while to be committed, and an attempt to tell of it as well.
const cursorMargin = 2 * time.Minute

// cursor is a position behind an event of this turn: behind what was committed before, in the partitions that are ours.
func (t *turn) cursor(e *parleyv1.ResultEvent) schemas.Cursor {
	ended := e.GetCall().GetCompletedAtMs() + e.GetConversation().GetCompletedAtMs()
	c := schemas.Cursor{Since: time.UnixMilli(ended).Add(-cursorMargin)}
	for partition, sequence := range t.committed {
		c.Advance(partition, sequence)
	}
	c.Advance(e.Partition, e.Sequence)
	return c
}

// cursor is the cursor of an attempt at a delivery whose notice was made at a time with a cursor: before what waits for the same
// receiver, too. What the receiver has refused does not wait: it comes again.
func (n *notifier) cursor(d deliveryRef, l *receiverLine, made time.Time, text string) (string, error) {
	c, err := schemas.ParseCursor(text)
	if err != nil {
		return "", fmt.Errorf("read cursor of a notice: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range c.Sequences {
		if t, ours := n.owned[int32(i)]; !ours || t.begun.After(made) {
			c.Unplace(int32(i))
		}
	}
	for ref, answered := range l.held {
		if !answered && (ref.partition != d.partition || ref.id.Sequence != d.id.Sequence) {
			c.Withdraw(ref.partition, ref.id.Sequence)
		}
	}
	for partition, from := range l.behind {
		c.Unplace(partition)
		if since := from.At.Add(-cursorMargin); since.Before(c.Since) {
			c.Since = since
		}
	}
	c.Settle(n.cfg.Partitions)
	return c.String(), nil
}
