// Package account knows who may do what: the keys of an account, and the limits within which it is served.
package account

import (
	"fmt"
	"slices"
	"strings"
)

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

// ParseScopes reads names of scopes, in any order, and returns them in ours, each once.
func ParseScopes(names []string) ([]Scope, error) {
	for _, name := range names {
		if !slices.Contains(Scopes(), Scope(strings.TrimSpace(name))) {
			return nil, fmt.Errorf("there is no scope %q; there are %v", name, Scopes())
		}
	}
	scopes := slices.DeleteFunc(Scopes(), func(s Scope) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return Scope(strings.TrimSpace(name)) == s })
	})
	if len(scopes) == 0 {
		return nil, fmt.Errorf("a key without scopes allows nothing; give some of %v", Scopes())
	}
	return scopes, nil
}

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

// String is the account, and the key if there is one: what stands beside a thing that was done.
func (c Caller) String() string {
	if c.Key == "" {
		return c.Account
	}
	return c.Account + ", key " + c.Key
}
