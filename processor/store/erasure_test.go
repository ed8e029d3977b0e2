package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// about is a part with an object for each of the subscriber keys.
func about(t rapid.TB, account string, subscriberKeys ...string) Part {
	t.Helper()
	call := &parleyv1.Call{Account: account, RequestId: uuid.NewString(), Method: "Create"}
	for _, name := range subscriberKeys {
		call.Objects = append(call.Objects, &parleyv1.Object{Type: "Row", SubscriberKey: name, Properties: []byte(`{"a": 1}`)})
	}
	raw, err := proto.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	return Part{Call: raw, RequestID: uuid.New(), Content: 1, AcceptedAt: epoch}
}

// However the parts of several accounts lie, and in however small portions they are looked at, those of an account are
// found that are about somebody, each once, and no other account's part is looked at.
func TestPartsAbout(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	partition := int32(0)
	rapid.Check(t, func(t *rapid.T) {
		partition++
		tx := s.Begin(partition, Meta{})
		var want []PartPlace
		own := 0
		for i := range rapid.IntRange(0, 30).Draw(t, "parts") {
			account := rapid.SampledFrom([]string{"a", "ab", "a.b"}).Draw(t, "account")
			who := rapid.SliceOfN(rapid.SampledFrom([]string{"", "ann", "bob"}), 1, 3).Draw(t, "objects")
			key := schemas.NewConversationKey(account, rapid.SampledFrom([]string{"", "x", "xyz", "a", "ab", "\x00"}).Draw(t, "conversation"), uuid.UUID{byte(i)})
			if _, err := tx.Conversation(key); err != nil {
				t.Fatal(err)
			}
			at := PartPlace{Conversation: key, SequenceCode: int32(i + 1)}
			tx.PutPart(key, at.SequenceCode, about(t, account, who...))
			if account != "ab" {
				continue
			}
			own++
			if slices.Contains(who, "ann") {
				want = append(want, at)
			}
		}
		if _, err := tx.Changes(); err != nil {
			t.Fatal(err)
		}
		if err := tx.Apply(Applied{}, nil); err != nil {
			t.Fatal(err)
		}
		most := Portion{Parts: rapid.IntRange(1, 40).Draw(t, "portion"), Bytes: rapid.IntRange(1, 10_000).Draw(t, "bytes")}
		got, looks := pagesAbout(t, s, partition, most)
		if !samePlaces(got, want) {
			t.Errorf("parts about ann are %v, want %v", got, want)
		}
		if looks > own+1 {
			t.Errorf("%d looks at %d parts of the account", looks, own)
		}
	})
}

// pagesAbout finds the parts of account ab that are about ann, portion by portion.
func pagesAbout(t *rapid.T, s *Store, partition int32, most Portion) (all []PartPlace, looks int) {
	var cursor []byte
	for {
		found, next, err := s.PartsAbout(partition, "ab", schemas.Subject("ab", "ann"), cursor, most)
		if err != nil {
			t.Fatal(err)
		}
		all, looks = append(all, found...), looks+1
		if cursor = next; next == nil {
			return all, looks
		}
	}
}

func samePlaces(a, b []PartPlace) bool {
	count := make(map[PartPlace]int)
	for _, p := range a {
		count[p]++
	}
	for _, p := range b {
		count[p]--
	}
	return !slices.ContainsFunc(append(a, b...), func(p PartPlace) bool { return count[p] != 0 })
}

func TestPartsAboutDamage(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tx := s.Begin(0, Meta{})
	stage(t, tx, keyOf("order"), 1) // whose call is no message
	apply(t, tx, Applied{})
	_, _, err := s.PartsAbout(0, "acme", 1, nil, Portion{Parts: 10, Bytes: 10})
	if e, ok := errors.AsType[*FormatError](err); !ok {
		t.Errorf("error %v, want a FormatError", err)
	} else if len(e.Key) == 0 {
		t.Error("the error does not say which part it is")
	}
}

// A part that was replaced is as it is now, whatever else happens to it in its turn.
func TestReplacedPart(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	key := keyOf("order")
	tx := s.Begin(0, Meta{})
	state := stage(t, tx, key, 3)
	apply(t, tx, Applied{})

	tx = s.Begin(0, Meta{})
	for k := range int32(3) {
		p, err := tx.Part(key, k+1)
		if err != nil {
			t.Fatal(err)
		}
		p.Call, p.Message, p.Erased = nil, &parleyv1.Call{Account: "acme", Method: "Create"}, true
		tx.ReplacePart(key, k+1, p)
		old := &parleyv1.Call{Account: "acme", Method: "Delete"}
		if call, err := tx.Call(key, k+1, old); err != nil || call.Method != "Create" {
			t.Errorf("the call of part %d is %v, %v, want what it was replaced by", k+1, call, err)
		}
	}
	apply(t, tx, Applied{})
	p, ok, err := s.Part(0, key, 2)
	if err != nil || !ok || !p.Erased || p.Content != 2 || p.RequestID != idOf(2) {
		t.Errorf("part 2 is %+v, %v, %v", p, ok, err)
	}
	tx = s.Begin(0, Meta{})
	if call, err := tx.Call(key, 2, &parleyv1.Call{Method: "Delete"}); err != nil || call.Method != "Create" {
		t.Errorf("the call is %v, %v, want the one in the store: who has read it before does not know of the erasure", call, err)
	}

	tx = s.Begin(0, Meta{})
	p, err = tx.Part(key, 1)
	if err != nil {
		t.Fatal(err)
	}
	tx.ReplacePart(key, 1, Part{RequestID: p.RequestID, Call: []byte("longer than it was")})
	end(t, tx, key, state)
	apply(t, tx, Applied{}, 1, 2, 3, 4)
	v := s.View(0)
	defer v.Close()
	if u, err := v.Usage("acme"); err != nil || u != (schemas.AccountUsage{}) {
		t.Errorf("when it has ended the account has %+v, %v", u, err)
	}
}

func TestErasureIsKept(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tx := s.Begin(0, Meta{})
	first := Erasure{Offset: 7, Account: "acme", Subject: 1, Cursor: []byte("cursor"), Open: 1, Kept: 2, Objects: 3}
	second := Erasure{Offset: 300, Account: "acme", Subject: 2, DryRun: true, EndedAt: epoch, Sequence: 9}
	for _, e := range []Erasure{second, first} {
		if err := tx.PutErasure(e); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, tx, Applied{})
	if got, err := s.Erasures(0); err != nil || !reflect.DeepEqual(got, []Erasure{first, second}) {
		t.Errorf("erasures are %+v, %v", got, err)
	}
	tx = s.Begin(0, Meta{})
	tx.DropErasure(7)
	apply(t, tx, Applied{})
	v := s.View(0)
	defer v.Close()
	if got, known, err := v.Erasure(300); err != nil || !known || !reflect.DeepEqual(got, second) {
		t.Errorf("the second is %+v, %t, %v", got, known, err)
	}
	if got, known, err := v.Erasure(7); err != nil || known {
		t.Errorf("the first is %+v, %t, %v, although it was forgotten", got, known, err)
	}
}

// BenchmarkPartsAbout looks at a million parts of 500 bytes, as an erasure does, in its portions.
func BenchmarkPartsAbout(b *testing.B) {
	s := openBench(b)
	const parts, perTurn = 1_000_000, 10_000
	random := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < parts; done += perTurn {
		tx := s.Begin(0, Meta{})
		for i := range perTurn {
			key := keyOf(fmt.Sprintf("order-%d", done+i))
			if _, err := tx.Conversation(key); err != nil {
				b.Fatal(err)
			}
			text := make([]byte, 400)
			for at := 0; at < len(text); at += 8 {
				binary.NativeEndian.PutUint64(text[at:], random.Uint64())
			}
			call := &parleyv1.Call{Account: "acme", Objects: []*parleyv1.Object{{Type: "Row", SubscriberKey: fmt.Sprintf("subscriber-%d", i), Properties: text}}}
			tx.PutPart(key, 1, Part{Message: call, RequestID: uuid.New(), Content: 1, AcceptedAt: epoch})
		}
		commit(b, tx)
	}
	subject := schemas.Subject("acme", "nobody")
	steps := 0
	for b.Loop() {
		for cursor := []byte(nil); ; steps++ {
			_, next, err := s.PartsAbout(0, "acme", subject, cursor, Portion{Parts: 5_000, Bytes: 8 << 20})
			if err != nil {
				b.Fatal(err)
			}
			if cursor = next; next == nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(steps), "ms/step")
	b.ReportMetric(parts*float64(b.N)/b.Elapsed().Seconds(), "parts/s")
}
