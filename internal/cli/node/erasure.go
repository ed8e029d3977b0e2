package node

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/internal/route"
	"parley/internal/topics"
	"parley/results/erasure"
	"parley/schemas"
)

// eraser erases what is recorded, and knows from the settings how long what it cannot erase stays.
type eraser struct {
	*erasure.Eraser
	node *node
}

// openEraser returns who erases, and on a node that writes the record adds the stage that erases what comes again.
func (n *node) openEraser(conn driver.Conn) eraser {
	e := erasure.New(conn)
	if n.cfg.Roles.Results {
		n.stages = append(n.stages, stage{"erasure", func(ctx context.Context) error { return e.Run(ctx, n.log) }})
	}
	return eraser{Eraser: e, node: n}
}

// settingsTimeout bounds the question how long topics keep their records.
const settingsTimeout = 5 * time.Second

// Remains tells where something of an account may still be that was erased just now.
func (e eraser) Remains(ctx context.Context, account string) ([]schemas.Remains, error) {
	n, now := e.node, time.Now()
	inbox := n.topics.Inbox(account)
	routed, backends := routesOf(n.routes.Table().Routes(), account)
	ctx, cancel := context.WithTimeout(ctx, settingsTimeout)
	defer cancel()
	kept, err := topics.Retentions(ctx, n.kafka, append([]string{n.topics.State, inbox}, routed...)...)
	if err != nil { // what has been erased is told of anyway
		n.log.LogAttrs(ctx, slog.LevelWarn, "how long topics keep their records is not known; an erasure says so", slog.Any("error", err))
	}
	out := []schemas.Remains{
		n.trimmed(n.topics.Calls, "the calls as they were sent; the processors read them once, and delete what is older than PARLEY_TRIM_AFTER", now),
		n.trimmed(n.topics.Results, "results with customerKey and message, of calls that ended before; deleted when they are in ClickHouse and older than PARLEY_TRIM_AFTER", now),
		{
			Place: "topics " + n.topics.Subscribers + "*",
			What:  "results with customerKey and message, in the queues of the account's subscribers, until they acknowledge them",
		},
		stateOf(n.topics.State, kept[n.topics.State], now),
		{
			Place: "topic " + n.topics.Dead,
			What:  "records that nothing could be made of, as they came; nobody knows whose they are, and they stay until you delete them (parley dead list)",
		},
	}
	if r, ok := kept[inbox]; ok {
		out = append(out, retained(inbox, r, "what the account has sent there, as its own topic keeps it", now))
	}
	for _, topic := range routed {
		out = append(out, retained(topic, kept[topic], "requests that were handed over to whoever reads that topic, as it keeps them", now))
	}
	soon := now.Add(eventsToldFor)
	out = append(out,
		schemas.Remains{Place: "polls", What: "results of calls that ended a moment ago, which their owner tells until they are in ClickHouse, and a minute longer", Until: &soon},
		schemas.Remains{Place: "files of the processors and of ClickHouse", What: "blocks on disk that no query reads any more: until Pebble compacts them, and for old_parts_lifetime (8 minutes unless you set it)"},
		schemas.Remains{Place: "ClickHouse", What: "correlationId of the objects, and results that were recorded by a version of Parley before results had a subject: find those by customer_key"},
	)
	if len(backends) > 0 {
		out = append(out, schemas.Remains{Place: "backends", What: "what was carried out before, or is at this moment: ask those of the routes " + strings.Join(backends, ", ")})
	}
	return append(out, schemas.Remains{Place: "backups and others", What: "backups of Kafka and ClickHouse, extracts, and what callbacks have told: outside of Parley. What a restored backup brings back to ClickHouse is erased again within an hour, as far as the backup knows of the erasure"}), nil
}

// eventsToldFor is for how long the owner of a call tells its result, when that is in ClickHouse: a minute, and what it
// takes to notice.
const eventsToldFor = 70 * time.Second

// trimmed is a topic from which what is old is deleted by those who are done with it.
func (n *node) trimmed(topic, what string, now time.Time) schemas.Remains {
	r := schemas.Remains{Place: "topic " + topic, What: what}
	if n.cfg.TrimAfter <= 0 {
		r.What += ", which is 0: never"
		return r
	}
	t := topics.Trimmer{After: n.cfg.TrimAfter}
	until := now.Add(n.cfg.TrimAfter + 2*t.Every()) // the round before may have come a moment too early
	r.Until = &until
	return r
}

// stateOf is the changelog: what was erased is overwritten there.
func stateOf(topic string, kept topics.Retention, now time.Time) schemas.Remains {
	r := schemas.Remains{Place: "topic " + topic, What: "former records of what was held, overwritten; they go when the broker compacts the topic"}
	if kept.CompactedWithin == 0 {
		r.What += ", for which max.compaction.lag.ms sets no bound"
		return r
	}
	until := now.Add(kept.CompactedWithin)
	r.Until = &until
	return r
}

// retained is a topic of somebody else's.
func retained(topic string, kept topics.Retention, what string, now time.Time) schemas.Remains {
	r := schemas.Remains{Place: "topic " + topic, What: what}
	if kept.Time > 0 {
		until := now.Add(kept.Time)
		r.Until = &until
	}
	return r
}

// routesOf are the topics that calls of an account may be handed over to, and the other routes that may take them.
func routesOf(routes []route.Route, account string) (topics, backends []string) {
	for _, r := range routes {
		if !slices.Contains([]string{"", route.All, account}, r.Match.Account) {
			continue
		}
		if r.Executor.Type == route.Kafka {
			topics = append(topics, r.Executor.Topic)
		} else {
			backends = append(backends, fmt.Sprintf("%q", r.Name))
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics), backends
}
