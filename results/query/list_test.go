package query

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"parley/results/record"
	"parley/results/recordtest"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// allPages reads a list page by page.
func allPages(t *testing.T, q *Query, ask schemas.ConversationsQuery) []schemas.ConversationResource {
	t.Helper()
	var all []schemas.ConversationResource
	for {
		page, err := q.Conversations(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) < ask.Limit {
			return all
		}
		last := page[len(page)-1].Place()
		ask.After = &last
	}
}

func TestConversations(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_790_000_000_000).UTC()
	statuses := []schemas.ConversationStatus{
		schemas.ConversationComplete, schemas.ConversationError, schemas.ConversationCancelled, schemas.ConversationExpired,
	}
	var events []*parleyv1.ResultEvent
	var want []schemas.ConversationResource
	for i := range 60 {
		e := &parleyv1.ConversationEvent{
			ConversationId: fmt.Sprintf("%c-%d ä\x00'", 'a'+i*7%26, i), Status: string(statuses[i%4]), CallsInConversation: 3, Received: 2, Processed: 1, Errors: 1,
			AcceptedAtMs: at.UnixMilli() + int64(i/9), StartedAtMs: at.UnixMilli() + 10_000, CompletedAtMs: at.UnixMilli() + int64(20_000-i),
			Message: fmt.Sprint(i), Continues: "first",
		}
		if i%3 == 0 {
			e.ConversationId, e.RequestId, e.StartedAtMs = "", newID(t).String(), 0
		}
		sequence := int64(i)*2 + 1
		if i%5 == 0 { // it has been resubmitted
			before := *conversationEvent(sequence, e)
			events = append(events, &before)
			e = &parleyv1.ConversationEvent{
				ConversationId: e.ConversationId, RequestId: e.RequestId, Status: e.Status, CallsInConversation: 3, Received: 2, Processed: 1, Errors: 1,
				AcceptedAtMs: e.AcceptedAtMs, StartedAtMs: e.StartedAtMs, CompletedAtMs: e.CompletedAtMs, Message: e.Message, Continues: "first", ContinuedBy: "next",
			}
			sequence++
		}
		events = append(events, conversationEvent(sequence, e))
		want = append(want, schemas.ConversationResourceOf(conversationEvent(sequence, e)))
	}
	other := conversationEvent(1_000, &parleyv1.ConversationEvent{ConversationId: "x", Status: "Complete", AcceptedAtMs: at.UnixMilli(), CompletedAtMs: at.UnixMilli()})
	other.Account = "other"
	slices.SortFunc(want, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) })
	q := stored(t, append(events, other)...)
	for _, ask := range []schemas.ConversationsQuery{
		{Limit: 1000},
		{Limit: 7},
		{Limit: 7, From: at.Add(2 * time.Millisecond), To: at.Add(5 * time.Millisecond)},
		{Limit: 1, From: at.Add(6 * time.Millisecond)},
		{Limit: 9, Statuses: []schemas.ConversationStatus{schemas.ConversationError, schemas.ConversationExpired, schemas.ConversationStaging}},
		{Limit: 9, Statuses: []schemas.ConversationStatus{schemas.ConversationComplete}, To: at.Add(3 * time.Millisecond)},
		{Limit: 9, From: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), To: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Limit: 9, From: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		ask.Account = "acc"
		its := slices.DeleteFunc(slices.Clone(want), func(r schemas.ConversationResource) bool { return !ask.Wants(r.Status) || !ask.Has(r.Place()) })
		got := allPages(t, q, ask)
		if len(got) != len(its) {
			t.Errorf("%+v lists %d, want %d", ask, len(got), len(its))
			continue
		}
		for i := range got {
			equalJSON(t, fmt.Sprintf("%+v, %d", ask, i), got[i], its[i])
		}
	}
}

// A page reads its own rows, however many the account has before and behind it, and however many are asked for.
func TestPageReadsLittle(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	if err := conn.Exec(t.Context(), `INSERT INTO conversations_log (account, conversation_id, sequence, status, accepted_at)
		SELECT 'acc', toString(cityHash64(number)), number, 'Complete', fromUnixTimestamp64Milli(1790000000000 + toInt64(number)) FROM numbers(500000)`); err != nil {
		t.Fatal(err)
	}
	q := patient(conn)
	middle := time.UnixMilli(1_790_000_250_000).UTC()
	for _, ask := range []schemas.ConversationsQuery{
		{Limit: 101},
		{Limit: 101, From: middle},
		{Limit: 1001, After: &schemas.ConversationPlace{AcceptedAt: middle, ID: "5"}},
		{Limit: 101, After: &schemas.ConversationPlace{AcceptedAt: middle, ID: "5"}, Statuses: []schemas.ConversationStatus{schemas.ConversationComplete}},
	} {
		ask.Account = "acc"
		var read uint64
		ctx := clickhouse.Context(t.Context(), clickhouse.WithProgress(func(p *clickhouse.Progress) { read += p.Rows }))
		got, err := q.Conversations(ctx, ask)
		if err != nil || len(got) != ask.Limit {
			t.Fatalf("%+v lists %d, %v", ask, len(got), err)
		}
		if read == 0 || read > 50_000 {
			t.Errorf("%+v reads %d of 500000 rows", ask, read)
		}
	}
}

// What ended before lists were made is in them.
func TestListOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	dsn := recordtest.Migrated(t)
	conn := recordtest.Open(t, dsn)
	for _, statement := range []string{
		"DROP VIEW conversations_to_acceptance",
		"DROP TABLE conversations_by_acceptance SYNC",
		"ALTER TABLE goose_db_version DELETE WHERE version_id >= 6 SETTINGS mutations_sync = 1",
		`INSERT INTO conversations_log (account, conversation_id, sequence, status, accepted_at, completed_at)
			SELECT 'acc', toString(number), number, 'Complete', toDateTime64('2025-01-01 00:00:00', 3, 'UTC') + toIntervalMonth(number), toDateTime64('2026-01-01 00:00:00', 3, 'UTC')
			FROM numbers(200) SETTINGS max_partitions_per_insert_block = 0`,
	} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for range 2 { // a starter that collided with another starts over
		if err := record.Migrate(t.Context(), dsn, nil, record.Schema{}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := patient(conn).Conversations(context.Background(), schemas.ConversationsQuery{Account: "acc", Limit: 1000})
	if err != nil || len(got) != 200 {
		t.Fatalf("%d conversations, %v, want 200", len(got), err)
	}
}
