package mail

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
