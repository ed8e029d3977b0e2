package clickhouse

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// queryIDs are the ids that clients have given to the statements that run. The engine has ids of its own.
type queryIDs struct {
	mu   sync.Mutex
	tags map[string]string // of the sessions that run them
}

// begin keeps an id until end.
func (q *queryIDs) begin(id, tag string) error {
	if id == "" {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.tags[id]; ok {
		return exceptionf(codeSameQueryID, "Query with id = %s is already running.", id)
	}
	q.tags[id] = tag
	return nil
}

func (q *queryIDs) end(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.tags, id)
}

// translate makes KILL QUERY ... WHERE query_id = ... mean the ids of clients.
func (q *queryIDs) translate(text string) string {
	tokens := tokenize(text)
	if len(tokens) < 2 || !wordIs(text, tokens[0], "KILL") || !wordIs(text, tokens[1], "QUERY") {
		return text
	}
	ids, tags := q.list()
	if len(ids) == 0 {
		return text
	}
	meaning := "transform(Settings['" + tagSetting + "'], [" + strings.Join(tags, ", ") + "], [" + strings.Join(ids, ", ") + "], query_id)"
	var b strings.Builder
	from := 0
	for _, t := range tokens {
		if (t.kind == tokenWord || t.kind == tokenQuoted) && unquote(text[t.start:t.end]) == "query_id" {
			b.WriteString(text[from:t.start] + meaning)
			from = t.end
		}
	}
	return b.String() + text[from:]
}

// list returns the ids and their tags as literals.
func (q *queryIDs) list() (ids, tags []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(q.tags)) {
		ids, tags = append(ids, quoteString(id)), append(tags, quoteString(q.tags[id]))
	}
	return ids, tags
}
