// Package account knows who may do what: the keys of an account, and the limits within which it is served.
package account

import "slices"

// Scope is a kind of thing that a key allows.
type Scope string

const (
	// Read is asking: polls, lists, results.
	Read Scope = "read"
	// Submit is sending: calls, and what is done to them later (cancel, resubmit).
	Submit Scope = "submit"
	// Admin is what concerns all accounts: the routes and their maintenance. It is for operators, not for tenants.
	Admin Scope = "admin"
)

// Scopes are all there are, the least first.
func Scopes() []Scope { return []Scope{Read, Submit, Admin} }

// Caller is who makes a request, and what they may do. The zero value may nothing.
type Caller struct {
	// Account is whose data the request is about; no other is ever touched.
	Account string
	// Key is the id of the API key that proved it; empty when access is open.
	Key    string
	Scopes []Scope
}

// May reports whether the caller has a scope.
func (c Caller) May(s Scope) bool { return slices.Contains(c.Scopes, s) }
