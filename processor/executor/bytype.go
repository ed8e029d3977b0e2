package executor

import (
	"context"

	"parley/internal/route"
	"parley/processor/conversation"
)

// ByType carries calls out by the executor that their route names, HTTP or SMTP. Batches go by HTTP alone.
type ByType struct {
	*HTTP
	Mail *SMTP
}

// Execute makes one attempt.
func (b ByType) Execute(ctx context.Context, r *route.Route, req Request) conversation.Outcome {
	if r.Executor.Type == route.SMTP {
		return b.Mail.Execute(ctx, r, req)
	}
	return b.HTTP.Execute(ctx, r, req)
}
