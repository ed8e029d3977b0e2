package processor

import (
	"context"
	"log/slog"

	"parley/schemas"
)

// about are the attributes of a log line about a conversation: whose it is, its ConversationID, or the request id of a
// call without one, and the partition.
func about(partition int32, key schemas.ConversationKey, more ...slog.Attr) []slog.Attr {
	account, conversationID, id := key.Split()
	name := slog.String("conversation", conversationID)
	if conversationID == "" {
		name = slog.String("request", id.String())
	}
	return append([]slog.Attr{slog.String("account", account), name, slog.Int("partition", int(partition))}, more...)
}

// logAttempt logs what came of an attempt: a line for each, for whoever looks for one.
func (d *dispatcher) logAttempt(ctx context.Context, f *finished) {
	if !d.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	d.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "attempt ended",
		slog.String("account", f.call.Account),
		slog.String("request", f.call.RequestId),
		slog.String("conversation", f.call.GetOptions().GetConversationId()),
		slog.Int("partition", int(f.work.partition)),
		slog.String("route", f.route.Name),
		slog.Int("attempt", int(f.work.attempt.Attempt)),
		slog.String("outcome", kindNames[f.outcome.Kind]),
		slog.String("code", string(f.outcome.Code)),
		slog.Duration("took", f.at.Sub(f.startedAt)))
}
