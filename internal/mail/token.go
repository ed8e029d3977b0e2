package mail

import "strings"

// A subject carries a deferred token (seed 003) as one word in brackets behind what it says, where mail programs leave it when
// they put their Re: before it.
const (
	tokenOpens  = "[parley:"
	tokenCloses = "]"
)

// WithToken is a subject that carries a token, of which nothing is cut.
func WithToken(subject, token string) string {
	word := tokenOpens + token + tokenCloses
	return Line(subject, SubjectBytesMax-len(" ")-len(word)) + " " + word
}

// tokenBytesMax is the longest that a deferred token ever is.
const tokenBytesMax = 100

// Token is the token that a decoded subject carries; empty: none, or more than one, so that nobody knows which is meant. Whether
// it is a good one is for others to say. Blanks in it are where some program has folded the line.
func Token(subject string) string {
	_, rest, found := strings.Cut(subject, tokenOpens)
	text, rest, closed := strings.Cut(rest, tokenCloses)
	if !found || !closed || strings.Contains(rest, tokenOpens) {
		return ""
	}
	text = strings.Join(strings.Fields(text), "")
	if text == "" || len(text) > tokenBytesMax || strings.ContainsFunc(text, notOfToken) {
		return ""
	}
	return text
}

// notOfToken is of what base64url has not.
func notOfToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
