package control

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kind is one kind of what is agreed on: the records whose keys begin with its prefix. A name is what follows it.
type kind[T any] struct {
	prefix string
	// decode reads the value of a name. Its error says what is wrong with the value.
	decode func(name string, value []byte) (T, error)
	// log says what holds of a name, and what was said before; nil: nothing is, or was, said.
	log func(name string, was, is *T)
	// ill logs where a value is that cannot be read, and why.
	ill func(name string, offset, err slog.Attr)
	// illTakesBack: a value that cannot be read takes back what was said before; else it changes nothing.
	illTakesBack bool

	mu   sync.RWMutex
	last map[string]entry[T]
}

// entry is what the last record of a name said.
type entry[T any] struct {
	// offset is that of the record: what is written here is applied before it is read, and an earlier record of
	// another process may be read after it.
	offset int64
	value  *T // nil: it was taken back. What it points to does not change.
}

func (k *kind[T]) begins() string { return k.prefix }

// apply takes in a record of a name, and returns what logs the change; nil: it cannot be read, or is not news.
func (k *kind[T]) apply(name string, r *kgo.Record) (logChange func()) {
	e := entry[T]{offset: r.Offset}
	if len(r.Value) > 0 {
		value, err := k.decode(name, r.Value)
		if err != nil {
			k.ill(name, slog.Int64("offset", r.Offset), slog.Any("error", err))
			if k.illTakesBack {
				k.put(name, e)
			}
			return nil
		}
		e.value = &value
	}
	was, news := k.put(name, e)
	if !news {
		return nil
	}
	return func() { k.log(name, was, e.value) }
}

// put keeps an entry, unless a later one is known.
func (k *kind[T]) put(name string, e entry[T]) (was *T, news bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known, ok := k.last[name]
	if ok && known.offset >= e.offset {
		return nil, false
	}
	if k.last == nil {
		k.last = make(map[string]entry[T])
	}
	k.last[name] = e
	return known.value, true
}

// get returns what holds of a name; nil: nothing was said, or it was taken back.
func (k *kind[T]) get(name string) *T {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.last[name].value
}

// all returns what holds, by name.
func (k *kind[T]) all() []*T {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var values []*T
	for _, name := range slices.Sorted(maps.Keys(k.last)) {
		if v := k.last[name].value; v != nil {
			values = append(values, v)
		}
	}
	return values
}

// decodeVersion reads a value that says which version of its form it has, of which the latest is known here. Members
// that are not known are left alone.
func decodeVersion[T any](value []byte, latest int) (v T, _ error) {
	var said struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(value, &said); err != nil {
		return v, fmt.Errorf("decode version: %w", err)
	}
	if said.Version < 1 || said.Version > latest {
		return v, fmt.Errorf("version is %d; this program knows up to %d: bring it to the version of the one that wrote it", said.Version, latest)
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return v, fmt.Errorf("decode value: %w", err)
	}
	return v, nil
}
