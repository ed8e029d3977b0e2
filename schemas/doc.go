// Package schemas holds every contract of Parley: the words and codes that callers see, the JSON and protobuf
// forms of calls and events, the identity of calls, and the ClickHouse migrations. It decides nothing about what
// happens to a call; it says what a call is. Everything here is safe for concurrent use.
package schemas

//go:generate go tool -modfile=../internal/tools/go.mod buf generate
