package notify

import "context"

// Sender makes one attempt to tell a receiver, and returns when it knows what came of it; the end of ctx, which bounds the
// attempt, is Again. It is called from many goroutines, and may be called again for what was taken, when the process
// died before it had recorded that: the ID tells.
type Sender func(ctx context.Context, n *Notification) Verdict
