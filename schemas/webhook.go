package schemas

import "time"

// WebhooksResource is what GET /v1/webhooks answers: what an account needs to believe the callbacks that it gets.
type WebhooksResource struct {
	Account string `json:"account"`
	// Secrets are those that sign, the youngest first; each callback has a signature of every one.
	Secrets []WebhookSecretResource `json:"secrets"`
	// DisabledTargets have answered 410, and get no callbacks until they are enabled.
	DisabledTargets []DisabledTargetResource `json:"disabledTargets"`
}

// WebhookSecretResource is a secret that signs callbacks.
type WebhookSecretResource struct {
	// ID names the secret and tells nothing of it.
	ID        string    `json:"id"`
	Secret    string    `json:"secret"`
	CreatedAt time.Time `json:"createdAt"`
	// RetiresAt is when it signs no more; nil: it has no successor yet.
	RetiresAt *time.Time `json:"retiresAt"`
}

// DisabledTargetResource is an address that gets no callbacks of the account.
type DisabledTargetResource struct {
	ResponseAddress string    `json:"responseAddress"`
	DisabledAt      time.Time `json:"disabledAt"`
}

// WebhookRotation is the body of POST /v1/webhooks/secrets.
type WebhookRotation struct {
	// OverlapSeconds is how long the secrets before sign beside the new one. Nil: WebhookOverlap.
	OverlapSeconds *int64 `json:"overlapSeconds,omitzero"`
}

// WebhookOverlap is how long a secret that was replaced signs unless something else is said, WebhookOverlapMax how long it
// may at the most.
const (
	WebhookOverlap    = 24 * time.Hour
	WebhookOverlapMax = 90 * 24 * time.Hour
)

// Overlap is how long the secrets before sign beside the new one.
func (r WebhookRotation) Overlap() time.Duration {
	if r.OverlapSeconds == nil {
		return WebhookOverlap
	}
	return time.Duration(*r.OverlapSeconds) * time.Second
}

// DecodeWebhookRotation reads a rotation in its JSON form, strictly.
func DecodeWebhookRotation(b []byte) (*WebhookRotation, *Problem) {
	r := new(WebhookRotation)
	if p := decodeObject(b, r, "a rotation"); p != nil {
		return nil, p
	}
	if s := r.OverlapSeconds; s != nil && (*s < 0 || *s > int64(WebhookOverlapMax/time.Second)) {
		return nil, problem(InvalidBody, "/overlapSeconds", "an overlap has from 0 to %d seconds, this one %d", int64(WebhookOverlapMax/time.Second), *s)
	}
	return r, nil
}

// WebhookEnabling is the body of POST /v1/webhooks/enable.
type WebhookEnabling struct {
	ResponseAddress string `json:"responseAddress"`
}

// DecodeWebhookEnabling reads an enabling in its JSON form, strictly.
func DecodeWebhookEnabling(b []byte) (*WebhookEnabling, *Problem) {
	e := new(WebhookEnabling)
	if p := decodeObject(b, e, "an enabling"); p != nil {
		return nil, p
	}
	if e.ResponseAddress == "" {
		return nil, problem(InvalidBody, "/responseAddress", "say which address is to be called again; GET /v1/webhooks has those that are not")
	}
	return e, nil
}
