package store

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"parley/schemas"
)

// anyKey draws conversations whose ids are made of few bytes, so that one is often the beginning of another.
func anyKey() *rapid.Generator[schemas.ConversationKey] {
	return rapid.Custom(func(t *rapid.T) schemas.ConversationKey {
		account := rapid.SampledFrom([]string{"a", "ab", "a.b"}).Draw(t, "account")
		letters := rapid.SampledFrom([]byte{0, 1, 'c', 's', 0xff})
		id := rapid.SliceOfN(letters, 0, 6).Draw(t, "id")
		request := rapid.SampledFrom([]schemas.RequestID{{}, {15: 1}, {0: 0xff}}).Draw(t, "request id")
		return schemas.NewConversationKey(account, string(id), request)
	})
}

func within(k, lower, upper []byte) bool {
	return bytes.Compare(lower, k) <= 0 && bytes.Compare(k, upper) < 0
}

func TestRangeOfAConversationHasItsOwnKeysOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyKey().Draw(t, "a"), anyKey().Draw(t, "b")
		code := rapid.Int32Range(0, math.MaxInt32).Draw(t, "sequence code")
		id := schemas.LogRequestID("a", 0, rapid.Int64().Draw(t, "request id"))
		lower := partsKey(1, a)
		if got := within(partKey(1, b, code), lower, behind(lower)); got != (a == b) {
			t.Errorf("part %d of %q is within the range of %q: %t", code, b, a, got)
		}
		lower = appendSized(prefix(1, kindListed), a)
		if got := within(listedKey(1, b, code, id), lower, behind(lower)); got != (a == b) {
			t.Errorf("call %d of %q is within the list of %q: %t", code, b, a, got)
		}
		key, split := splitPartKey(partKey(1, b, code))
		if key != b || split != code {
			t.Errorf("part %d of %q was split into %d of %q", code, b, split, key)
		}
	})
}

func TestKeysAreInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, other := anyKey().Draw(t, "key"), anyKey().Draw(t, "other")
		partition := rapid.Int32Range(0, schemas.PartitionsMax-2).Draw(t, "partition")
		n := rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "n")
		code := rapid.Int32Range(0, math.MaxInt32-1).Draw(t, "sequence code")
		inOrder(t, orderedKey(partition, kindDelayed, n, key), orderedKey(partition, kindDelayed, n+1, other))
		inOrder(t, orderedKey(partition, kindTimer, n, ""), orderedKey(partition, kindTimer, n, key))
		inOrder(t, garbageKey(partition, n), garbageKey(partition, n+1))
		inOrder(t, partKey(partition, key, code), partKey(partition, key, code+1))
		inOrder(t, partKey(partition, key, code), partitionKey(partition+1))
		order, split := splitOrder(orderedKey(partition, kindTimer, n, key)[prefixLen:])
		if order != n || split != key {
			t.Errorf("%d of %q was split into %d of %q", n, key, order, split)
		}
	})
}

// TestQueueIsInClasses compares places in the queue with the classes that they are made of.
func TestQueueIsInClasses(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-c._-]{0,3}`)
	class := rapid.Custom(func(t *rapid.T) Class {
		return Class{
			Route:    name.Draw(t, "route"),
			Priority: rapid.SampledFrom([]schemas.Priority{schemas.Low, schemas.Medium, schemas.High, schemas.Foremost}).Draw(t, "priority"),
			Account:  name.Draw(t, "account"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := class.Draw(t, "a"), class.Draw(t, "b")
		n, m := rapid.Int64Range(0, 9).Draw(t, "n"), rapid.Int64Range(0, 9).Draw(t, "m")
		k, other := anyKey().Draw(t, "key"), anyKey().Draw(t, "other")
		placed := queueKey(3, a, n, k)
		if got, size := splitClassKey(placed); got != a || size != len(classKey(3, a)) {
			t.Errorf("place of %+v was split into %+v, %d bytes", a, got, size)
		}
		lower := classKey(3, b)
		if got := within(placed, lower, behind(lower)); got != (a == b) {
			t.Errorf("a place of %+v is within %+v: %t", a, b, got)
		}
		switch {
		case a == b && n < m:
			inOrder(t, placed, queueKey(3, b, m, other))
		case a.Route == b.Route && a.Priority > b.Priority:
			inOrder(t, placed, queueKey(3, b, m, other))
		}
		inOrder(t, placed, prefix(3, kindQueue+1))
		inOrder(t, placed, layoutKey())
	})
}

func inOrder(t *rapid.T, a, b []byte) {
	t.Helper()
	if bytes.Compare(a, b) >= 0 {
		t.Errorf("%q is not before %q", a, b)
	}
}

func TestBehind(t *testing.T) {
	t.Parallel()
	tests := []struct{ k, want string }{
		{"a", "b"},
		{"a\x00", "a\x01"},
		{"a\xff", "b"},
		{"\xfe\xff\xff", "\xff"},
	}
	for _, tt := range tests {
		if got := behind([]byte(tt.k)); string(got) != tt.want {
			t.Errorf("behind %q is %q, want %q", tt.k, got, tt.want)
		}
	}
	if got := behind([]byte("\xff\xff")); got != nil {
		t.Errorf("behind the last is %q, want none", got)
	}
}
