package store

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// epoch is when the models' time begins.
var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// TestStateIsWhatTheLogSays leads a store through random turns. At any time it is the same as one that was made from
// all records of the log, and as one that lost in a crash what was not flushed and then read the rest.
func TestStateIsWhatTheLogSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		defer m.close(t)
		t.Repeat(map[string]func(*rapid.T){
			"turn":           m.turn,
			"turn again":     m.turn,
			"forgotten turn": m.forgottenTurn,
			"flush":          m.flush,
			"wiped":          m.wiped,
			"compacted":      m.compacted,
			"crash":          m.crash,
			"":               m.agrees,
		})
	})
}

// model is a store, the log that its turns were committed to, and what its conversations must be.
type model struct {
	fs      *vfs.MemFS
	store   *Store
	applied Applied
	meta    Meta

	changelog []Change
	results   []Event
	states    map[schemas.ConversationKey]conversation.State
	// parts are the bytes of the calls that must be there.
	parts map[place]int64
	calls int // that were made up so far
}

const modelPartition = 3

func newModel(t *rapid.T) *model {
	m := &model{fs: vfs.NewCrashableMem(), applied: Applied{At: epoch}, states: make(map[schemas.ConversationKey]conversation.State), parts: make(map[place]int64)}
	m.store = openOn(t, m.fs)
	return m
}

func openOn(t rapid.TB, fs vfs.FS) *Store {
	s, err := Open(Config{Dir: "store", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (m *model) close(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Error(err)
	}
}

// turn applies a few random changes.
func (m *model) turn(t *rapid.T) {
	d := m.decide(t)
	tx := d.tx
	changes, err := tx.Changes()
	if err != nil {
		t.Fatal(err)
	}
	var offsets []int64
	for _, e := range tx.events {
		offset := int64(len(m.results)) * 3 // the results of other partitions are in between
		m.results = append(m.results, Event{Offset: offset, Value: e.raw})
		offsets = append(offsets, offset)
		m.applied.Results = offset + 1
	}
	m.changelog = append(m.changelog, changes...)
	m.applied.Changelog = int64(len(m.changelog))
	if err := tx.Apply(m.applied, offsets); err != nil {
		t.Fatal(err)
	}
	m.states, m.parts, m.meta = d.states, d.parts, tx.Meta
}

// forgottenTurn is a turn whose transaction is aborted.
func (m *model) forgottenTurn(t *rapid.T) {
	if _, err := m.decide(t).tx.Changes(); err != nil {
		t.Fatal(err)
	}
}

// decide makes up a turn.
func (m *model) decide(t *rapid.T) *decision {
	d := &decision{model: m, tx: m.store.Begin(modelPartition, m.meta), states: maps.Clone(m.states), parts: maps.Clone(m.parts)}
	for range rapid.IntRange(1, 6).Draw(t, "inputs") {
		d.tx.Meta.NextOffset++
		key := d.key(t)
		if slices.Contains(d.forgotten, key) {
			continue
		}
		s, err := d.tx.Conversation(key)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.IntRange(0, 5).Draw(t, "erase") == 0 && d.erase(t, key, s) {
			continue
		}
		switch s.Phase {
		case conversation.New, conversation.Staging:
			if s.Phase == conversation.New || rapid.IntRange(0, 4).Draw(t, "time out") > 0 {
				d.part(t, key, s)
			} else {
				d.end(t, key, s, schemas.ConversationError)
			}
		case conversation.Processing:
			d.attempt(t, key, s)
		case conversation.Ended:
			d.late(t, key, s)
		}
	}
	return d
}

// decision is a turn that is being made up, with the states and the parts that it leads to.
type decision struct {
	*model
	tx     *Tx
	states map[schemas.ConversationKey]conversation.State
	parts  map[place]int64
	// forgotten are the conversations that were: none is used again in the same turn.
	forgotten []schemas.ConversationKey
}

// key is one of few conversations, among them ids that are the beginning of others.
func (d *decision) key(t *rapid.T) schemas.ConversationKey {
	account := rapid.SampledFrom([]string{"acme", "acme", "acm"}).Draw(t, "account")
	id := rapid.SampledFrom([]string{"", "a", "a\x00", "a\x00b", "ab", "b"}).Draw(t, "conversation")
	return schemas.NewConversationKey(account, id, schemas.LogRequestID(account, modelPartition, 0))
}

func (d *decision) set(key schemas.ConversationKey, s conversation.State) {
	d.tx.SetConversation(key, s)
	d.states[key] = s
}

// newID is a request id that no call has had.
func (d *decision) newID() schemas.RequestID {
	d.calls++
	return schemas.LogRequestID("acme", modelPartition, int64(d.calls))
}

func (d *decision) part(t *rapid.T, key schemas.ConversationKey, s conversation.State) {
	if s.Phase == conversation.New {
		s = conversation.State{Phase: conversation.Staging, Single: key.Single(), Calls: 1, AcceptedAt: d.time(t)}
		if !s.Single {
			s.Calls = rapid.Int32Range(1, 10).Draw(t, "calls")
		}
	}
	code := rapid.SampledFrom(s.Received.Missing(s.Calls, 100)).Draw(t, "sequence code")
	p := Part{Call: []byte(fmt.Sprintf("call %d", d.calls)), RequestID: d.newID(), Content: rapid.Uint64Min(1).Draw(t, "content"), AcceptedAt: epoch}
	if key.Single() {
		_, _, p.RequestID = key.Split()
	}
	d.tx.PutPart(key, code, p)
	d.parts[place{key, code}] = int64(len(p.Call))
	s.Received = s.Received.With(code)
	s.Priority = max(s.Priority, rapid.SampledFrom([]schemas.Priority{schemas.Low, schemas.Medium, schemas.High, schemas.Foremost}).Draw(t, "priority"))
	if rapid.Bool().Draw(t, "has startBy") {
		s.StartBy = d.time(t)
	}
	s.Deadline = epoch.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "deadline")) * time.Second)
	if s.Received.Count() == s.Calls {
		s.Phase, s.Deadline, s.Ready, s.Turn = conversation.Processing, time.Time{}, d.tx.Meta.NextOffset, d.turn(t, 1)
	}
	d.set(key, s)
}

// erase takes something from the parts that are there; false: there is none. How far it has come is kept, or forgotten.
func (d *decision) erase(t *rapid.T, key schemas.ConversationKey, s conversation.State) bool {
	erased := false
	for k := int32(1); k <= s.Calls; k++ {
		at := place{key, k}
		if _, there := d.parts[at]; !there || rapid.Bool().Draw(t, "is not about them") {
			continue
		}
		p, err := d.tx.Part(key, k)
		if err != nil {
			t.Fatal(err)
		}
		p.Call, p.Message, p.Erased = []byte("call")[:rapid.IntRange(0, 4).Draw(t, "left")], nil, true
		d.tx.ReplacePart(key, k, p)
		d.parts[at] = int64(len(p.Call))
		erased = true
	}
	offset := rapid.Int64Range(1, 3).Draw(t, "offset")
	if rapid.Bool().Draw(t, "forgets the erasure") {
		d.tx.DropErasure(offset)
	} else if err := d.tx.PutErasure(Erasure{Offset: offset, Account: "acme", Subject: 7, Cursor: []byte(key)}); err != nil {
		t.Fatal(err)
	}
	return erased
}

// turn is the turn of a part, on one of few routes.
func (d *decision) turn(t *rapid.T, sequenceCode int32) conversation.Turn {
	return conversation.Turn{SequenceCode: sequenceCode, Attempt: 1, Route: rapid.SampledFrom([]string{"", "a", "ab"}).Draw(t, "route")}
}

// time is one of few.
func (d *decision) time(t *rapid.T) time.Time {
	return epoch.Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "time")) * time.Minute)
}

func (d *decision) attempt(t *rapid.T, key schemas.ConversationKey, s conversation.State) {
	switch rapid.IntRange(0, 4).Draw(t, "outcome") {
	case 0: // transient
		s.StartedAt, s.Turn.Attempt, s.Turn.NotBefore = epoch, s.Turn.Attempt+1, d.time(t)
		s.StartBy, s.Turn.LostAt, s.Turn.AnswerBy = time.Time{}, time.Time{}, time.Time{}
	case 3:
		s.Turn.LostAt, s.Turn.NotBefore = d.time(t), time.Time{}
	case 4:
		s.Turn.AnswerBy, s.Turn.LostAt, s.Turn.NotBefore = d.time(t), time.Time{}, time.Time{}
	case 1:
		if k := s.Turn.SequenceCode; k < s.Calls {
			d.finishCall(t, key, k)
			s.Turn, s.Processed = d.turn(t, k+1), s.Processed+1
			break
		}
		d.end(t, key, s, schemas.ConversationComplete)
		return
	case 2:
		s.Errors++
		d.end(t, key, s, schemas.ConversationError)
		return
	}
	d.set(key, s)
}

// end ends the parts that have not, then the conversation.
func (d *decision) end(t *rapid.T, key schemas.ConversationKey, s conversation.State, status schemas.ConversationStatus) {
	for k := max(1, s.Turn.SequenceCode); k <= s.Calls; k++ {
		if s.Received.Has(k) {
			d.finishCall(t, key, k)
		}
	}
	next := s.Turn.SequenceCode + 1
	s.Phase, s.End, s.Deadline, s.StartBy, s.Turn = conversation.Ended, status, time.Time{}, time.Time{}, conversation.Turn{}
	if status == schemas.ConversationError && rapid.Bool().Draw(t, "is kept") {
		s.Kept = conversation.Kept{From: next, Failed: next - 1, Until: d.time(t)}
		s.EndedAt = epoch
	}
	for k := int32(1); k <= s.Calls; k++ {
		if !s.Kept.Has(k) {
			delete(d.parts, place{key, k})
		}
	}
	if rapid.Bool().Draw(t, "is forgotten") {
		s.ForgetAt = d.time(t)
	}
	d.set(key, s)
	if err := d.tx.EndConversation(key); err != nil {
		t.Fatal(err)
	}
	account, conversationID, id := key.Split()
	e := &parleyv1.ConversationEvent{ConversationId: conversationID}
	if key.Single() {
		e.RequestId = id.String()
	}
	d.finish(t, &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Conversation{Conversation: e}})
}

func (d *decision) finishCall(t *rapid.T, key schemas.ConversationKey, sequenceCode int32) {
	p, err := d.tx.Part(key, sequenceCode)
	if err != nil {
		t.Fatal(err)
	}
	d.finish(t, callEnded(key, sequenceCode, p.RequestID, schemas.OK))
}

func (d *decision) finish(t *rapid.T, e *parleyv1.ResultEvent) {
	d.tx.Meta.Sequence++
	e.Partition, e.Sequence = modelPartition, d.tx.Meta.Sequence
	raw, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	d.tx.Finish(e, raw)
}

// late is a call that comes when its conversation has ended: a resend with other bytes, or one that is rejected.
// Or what is kept of the conversation is released, or the conversation forgotten.
func (d *decision) late(t *rapid.T, key schemas.ConversationKey, s conversation.State) {
	if s.Kept.From > 0 && rapid.Bool().Draw(t, "release") {
		d.release(t, key, s)
		return
	}
	if s.Kept.From == 0 && rapid.IntRange(0, 3).Draw(t, "forget") == 0 {
		if err := d.tx.Forget(key); err != nil {
			t.Fatal(err)
		}
		delete(d.states, key)
		d.forgotten = append(d.forgotten, key)
		return
	}
	id, code := d.newID(), rapid.Int32Range(1, s.Calls).Draw(t, "late")
	ref := Reference{Conversation: key, SequenceCode: code, First: id, Rejected: rapid.Bool().Draw(t, "rejected")}
	if ref.Rejected {
		d.tx.Meta.CountFinal(schemas.Rejected)
		d.finish(t, callEnded(key, code, id, schemas.Rejected))
	} else {
		d.tx.Meta.Resent++
		var err error
		if ref.First, err = d.tx.RecordedAs(key, code); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.tx.PutReference(id, ref); err != nil {
		t.Fatal(err)
	}
}

func (d *decision) release(t *rapid.T, key schemas.ConversationKey, s conversation.State) {
	s.Kept = conversation.Kept{}
	d.set(key, s)
	if err := d.tx.ReleaseParts(key); err != nil {
		t.Fatal(err)
	}
	for k := range s.Calls {
		delete(d.parts, place{key, k + 1})
	}
}

func callEnded(key schemas.ConversationKey, sequenceCode int32, id schemas.RequestID, status schemas.CallStatus) *parleyv1.ResultEvent {
	account, conversationID, _ := key.Split()
	return &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
		RequestId: id.String(), ConversationId: conversationID, SequenceCode: sequenceCode, Status: string(status),
	}}}
}

func (m *model) flush(t *rapid.T) {
	if err := m.store.db.Flush(); err != nil {
		t.Fatal(err)
	}
}

// wiped goes on with a store that was made from the log alone.
func (m *model) wiped(t *rapid.T) { m.goOnWith(t, vfs.NewCrashableMem()) }

// compacted makes a store from what a compaction may leave of the log: the last record of each key, and no deletion.
func (m *model) compacted(t *rapid.T) {
	last := make(map[string]int)
	for i, c := range m.changelog {
		last[string(c.Key)] = i
	}
	var log []Change
	for i, c := range m.changelog {
		if last[string(c.Key)] == i && c.Value != nil {
			log = append(log, c)
		}
	}
	want, own := dump(t, m.store), m.store
	m.store = openOn(t, vfs.NewMem())
	m.restore(t, log, Applied{})
	if got := dump(t, m.store); !slices.Equal(got, want) {
		t.Fatalf("from the compacted log came\n%s\nwant\n%s", lines(without(got, want)), lines(without(want, got)))
	}
	m.close(t)
	m.store = own
}

// crash goes on with what a crash of the machine leaves of the store.
func (m *model) crash(t *rapid.T) {
	kept := vfs.CrashCloneCfg{
		UnsyncedDataPercent: rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "unsynced data kept"),
		RNG:                 rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
	}
	m.goOnWith(t, m.fs.CrashClone(kept))
}

// goOnWith opens the store on a file system, and catches up with the log from the position that it has.
func (m *model) goOnWith(t *rapid.T, fs *vfs.MemFS) {
	want := dump(t, m.store)
	m.close(t)
	m.fs, m.store = fs, openOn(t, fs)
	applied, err := m.store.Applied(modelPartition)
	if err != nil {
		t.Fatal(err)
	}
	if applied.Changelog > m.applied.Changelog || applied.Results > m.applied.Results {
		t.Fatalf("the store says that it has %+v, of %+v that there is", applied, m.applied)
	}
	m.catchUp(t, applied)
	if got := dump(t, m.store); !slices.Equal(got, want) {
		t.Fatalf("from %+v caught up to\n%s\nwant\n%s", applied, lines(without(got, want)), lines(without(want, got)))
	}
}

func (m *model) catchUp(t *rapid.T, at Applied) { m.restore(t, m.changelog[at.Changelog:], at) }

// restore applies records of the log, so many at once as comes, and all results from a position on.
func (m *model) restore(t *rapid.T, rest []Change, at Applied) {
	at.At = epoch
	for len(rest) > 0 {
		n := rapid.IntRange(1, len(rest)).Draw(t, "records at once")
		at.Changelog += int64(n)
		if err := m.store.Restore(modelPartition, rest[:n], at); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	missed := slices.DeleteFunc(slices.Clone(m.results), func(e Event) bool { return e.Offset < at.Results })
	if unreadable, err := m.store.RestoreEvents(modelPartition, missed, m.applied); err != nil || len(unreadable) > 0 {
		t.Fatal(unreadable, err)
	}
}

// agrees compares what the store tells with what it must.
func (m *model) agrees(t *rapid.T) {
	v := m.store.View(modelPartition)
	defer v.Close()
	want := indexes{queues: make(map[Class][]Queued), open: make(map[openOf][]schemas.ConversationPlace)}
	for key, s := range m.states {
		got, err := v.Conversation(key)
		if err != nil {
			t.Fatal(err)
		}
		if s.Phase == conversation.Ended && s.Kept.From == 0 {
			s = conversation.State{Phase: s.Phase, Single: s.Single, Calls: s.Calls, End: s.End, ForgetAt: s.ForgetAt} // the marker
		}
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("conversation %q is\n%+v, want\n%+v", key, got, s)
		}
		want.add(key, s)
	}
	want.agree(t, m.store)
	m.usageAgrees(t, v)
	m.openCallsAgree(t, v)
	if meta, err := m.store.Meta(modelPartition); err != nil || !reflect.DeepEqual(meta, m.meta) {
		t.Fatalf("partition is %+v, %v, want %+v", meta, err, m.meta)
	}
}

// usageAgrees counts one by one what the partition holds of each account.
func (m *model) usageAgrees(t *rapid.T, v *View) {
	want := map[string]schemas.AccountUsage{"acme": {}, "acm": {}, "other": {}}
	for key, s := range m.states {
		account, _, _ := key.Split()
		u := want[account]
		for k := int32(1); k <= s.Calls; k++ {
			bytes, open := m.parts[place{key, k}], s.Phase == conversation.Staging || s.Phase == conversation.Processing
			switch {
			case !open:
				u.KeptBytes += bytes
			default:
				u.StagedBytes += bytes
			}
			if open && s.Received.Has(k) && k >= s.Turn.SequenceCode {
				u.OpenCalls++
			}
		}
		want[account] = u
	}
	for account, u := range want {
		if got, err := v.Usage(account); err != nil || got != u {
			t.Fatalf("usage of %s is %+v, %v, want %+v", account, got, err, u)
		}
	}
}

// openCallsAgree counts one by one the calls that have not ended.
func (m *model) openCallsAgree(t *rapid.T, v *View) {
	want := map[schemas.CallStatus]int64{schemas.Staged: 0, schemas.Scheduled: 0, schemas.Waiting: 0, schemas.Executing: 0, schemas.Deferred: 0}
	for _, s := range m.states {
		for k := int32(1); k <= s.Calls; k++ {
			switch turn := s.Turn; {
			case s.Phase == conversation.Staging && s.Received.Has(k):
				want[schemas.Staged]++
			case s.Phase != conversation.Processing || k < turn.SequenceCode:
			case k > turn.SequenceCode:
				want[schemas.Waiting]++
			case !turn.AnswerBy.IsZero():
				want[schemas.Deferred]++
			case !turn.LostAt.IsZero():
				want[schemas.Executing]++
			case !turn.NotBefore.IsZero() && turn.Attempt == 1:
				want[schemas.Scheduled]++
			default:
				want[schemas.Waiting]++
			}
		}
	}
	got, err := v.OpenCalls()
	if err != nil || !maps.Equal(got.ByStatus(), want) {
		t.Fatalf("open calls are %v, %v, want %v", got.ByStatus(), err, want)
	}
}

// indexes are what the indexes of a partition must tell.
type indexes struct {
	queues                 map[Class][]Queued
	timers, delayed, wakes []Timer
	// open are those of each account and stage.
	open map[openOf][]schemas.ConversationPlace
}

// openOf is what open conversations have in common that stand in one list.
type openOf struct {
	account string
	stage   Stage
}

func (x *indexes) add(key schemas.ConversationKey, s conversation.State) {
	if s.Queued() {
		c := ClassOf(key, s)
		x.queues[c] = append(x.queues[c], Queued{Ready: s.Ready, Conversation: key})
	}
	if stage, ok := StageOf(s); ok {
		account, _, _ := key.Split()
		of := openOf{account, stage}
		x.open[of] = append(x.open[of], schemas.PlaceOf(key, s.AcceptedAt))
	}
	for to, at := range map[*[]Timer]time.Time{&x.timers: s.Awaited(), &x.delayed: s.DelayedUntil(), &x.wakes: s.Wake()} {
		if !at.IsZero() {
			*to = append(*to, Timer{At: at, Conversation: key})
		}
	}
}

func (x *indexes) agree(t *rapid.T, s *Store) {
	timers, err := s.Timers(modelPartition, time.Time{}, 100)
	inTime(t, "timers", timers, err, x.timers)
	wakes, err := s.Wakes(modelPartition, time.Time{}, 100)
	inTime(t, "wakes", wakes, err, x.wakes)
	page := rapid.IntRange(1, 7).Draw(t, "page")
	delayed := pages(t, func(after Timer) ([]Timer, error) { return s.Delayed(modelPartition, after, page) })
	inTime(t, "delayed", delayed, nil, x.delayed)
	x.openAgree(t, s, page)
	classes, err := s.Classes(modelPartition)
	if err != nil || len(classes) != len(x.queues) {
		t.Fatalf("classes are %v, %v, want those of %v", classes, err, x.queues)
	}
	for _, c := range classes {
		want := slices.SortedFunc(slices.Values(x.queues[c]), func(a, b Queued) int {
			return cmp.Or(cmp.Compare(a.Ready, b.Ready), cmp.Compare(a.Conversation, b.Conversation))
		})
		got := pages(t, func(after Queued) ([]Queued, error) { return s.Queue(modelPartition, c, after, page) })
		if !slices.Equal(got, want) {
			t.Fatalf("queue of %v is %v, want %v", c, got, want)
		}
	}
}

// openAgree reads the open conversations page by page, those of a period.
func (x *indexes) openAgree(t *rapid.T, s *Store, page int) {
	v := s.View(modelPartition)
	defer v.Close()
	q := schemas.ConversationsQuery{
		From: rapid.SampledFrom([]time.Time{{}, epoch, epoch.Add(2 * time.Minute)}).Draw(t, "from"),
		To:   rapid.SampledFrom([]time.Time{{}, epoch, epoch.Add(2 * time.Minute), epoch.Add(time.Hour)}).Draw(t, "to"),
	}
	for _, account := range []string{"acme", "acm", "other"} {
		for _, stage := range []Stage{Staging, Held, Processing} {
			q.Account = account
			got := pages(t, func(after schemas.ConversationPlace) (places []schemas.ConversationPlace, err error) {
				if q.After = nil; after.ID != "" {
					q.After = &after
				}
				err = v.Open(q, stage, func(key schemas.ConversationKey) (bool, error) {
					s, err := v.Conversation(key)
					places = append(places, schemas.PlaceOf(key, s.AcceptedAt))
					return len(places) < page, err
				})
				return places, err
			})
			q.After = nil
			want := slices.DeleteFunc(slices.Clone(x.open[openOf{account, stage}]), func(p schemas.ConversationPlace) bool { return !q.Has(p) })
			slices.SortFunc(want, schemas.ConversationPlace.Compare)
			if !slices.Equal(got, want) {
				t.Fatalf("open conversations of %s in stage %c from %v to %v are %v, want %v", account, stage, q.From, q.To, got, want)
			}
		}
	}
}

func inTime(t *rapid.T, what string, got []Timer, err error, want []Timer) {
	want = slices.SortedFunc(slices.Values(want), func(a, b Timer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Conversation, b.Conversation))
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s are %v, %v, want %v", what, got, err, want)
	}
}

// pages reads an index page by page.
func pages[T any](t *rapid.T, read func(after T) ([]T, error)) []T {
	var all []T
	for {
		var after T
		if len(all) > 0 {
			after = all[len(all)-1]
		}
		page, err := read(after)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

// dump is all that a store holds of the model's partition, but for the position.
func dump(t rapid.TB, s *Store) []string {
	var out []string
	err := scan(s.db, prefix(modelPartition, 0)[:2], prefix(modelPartition+1, 0)[:2], func(k, v []byte) (bool, error) {
		if k[2] != kindApplied {
			out = append(out, fmt.Sprintf("%q: %q", k[2:], v))
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// without are the lines of a that b does not have.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(l string) bool { return slices.Contains(b, l) })
}

func lines(s []string) []byte {
	var b bytes.Buffer
	for _, l := range s {
		b.WriteString(l + "\n")
	}
	return b.Bytes()
}
