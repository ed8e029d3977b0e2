package torture

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// The routes, one of each kind. The objects of a call have the name of its route as their type.
const (
	routePlain      = "plain"      // at-least-once
	routeIdempotent = "idempotent" // at-least-once, and whole conversations in one turn
	routeOnce       = "once"       // at-most-once
	routeBatch      = "batch"      // at-least-once, many calls in a request
	routeAsk        = "ask"        // exactly-once by Kafka, answered by Kafka
	routeTell       = "tell"       // exactly-once by Kafka, not answered
	routeSlow       = "slow"       // at-least-once, and too slow for what it gets in a burst
)

// routeNames are all of them but the slow one, the busiest first.
var routeNames = []string{routePlain, routeIdempotent, routeOnce, routeBatch, routeAsk, routeTell}

// viaKafka reports whether the calls of a route go out as records.
func viaKafka(route string) bool { return route == routeAsk || route == routeTell }

const (
	// attemptTimeout is how long a backend may take to answer, by the routes.
	attemptTimeout = 2 * time.Second
	// deferTimeout is how long a deferred call waits for its answer.
	deferTimeout = 10 * time.Second
)

// executorTopics are the topics of the kafka routes.
type executorTopics struct {
	asked, replies, told string
}

func topicsOf(prefix string) executorTopics {
	return executorTopics{asked: prefix + "-asked", replies: prefix + "-replies", told: prefix + "-told"}
}

func (t executorTopics) all() []string { return []string{t.asked, t.replies, t.told} }

// writeRoutes writes the file of routes, for so many calls a second at each member. The at-most-once route is given little more than it
// needs, so that calls wait in line when their member is frozen, and are at hand when it wakes; the slow one less than it
// needs for a while, so that calls wait in line for longer than a member may be away until its partitions are another's.
func writeRoutes(file, backendAddr string, t executorTopics, rate float64) error {
	each := rate / float64(len(routeNames))
	var b strings.Builder
	b.WriteString("routes:\n")
	for _, name := range append(slices.Clone(routeNames), routeSlow) {
		fmt.Fprintf(&b, "- name: %s\n  match: {objectType: %s}\n  deferTimeout: %s\n", name, name, deferTimeout)
		switch name {
		case routeAsk:
			fmt.Fprintf(&b, "  executor: {type: kafka, topic: %s, replyTopic: %s}\n", t.asked, t.replies)
			continue
		case routeTell:
			fmt.Fprintf(&b, "  executor: {type: kafka, topic: %s}\n", t.told)
			continue
		case routeIdempotent:
			b.WriteString("  idempotent: true\n")
		case routeOnce:
			fmt.Fprintf(&b, "  delivery: at-most-once\n  rateLimit: %.1f\n", 1.5*each)
		case routeSlow:
			fmt.Fprintf(&b, "  rateLimit: %.2f\n", slowPart*rate)
		case routeBatch:
			b.WriteString("  batch: {max: 20, linger: 20ms}\n")
		}
		fmt.Fprintf(&b, "  executor: {type: http, url: \"http://%s/calls\", timeout: %s}\n", backendAddr, attemptTimeout)
		b.WriteString("  retry: {initial: 100ms, max: 1s}\n  concurrency: 32\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	return nil
}
