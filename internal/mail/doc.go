// Package mail writes messages and hands them to a server: mail as RFC 5322 and MIME have it, by SMTP (RFC 5321), with TLS and
// a name and a password where the server wants them. A message goes to one receiver. What callers say gets into a header only as
// an Address that was parsed, or as a text without control characters: no line of theirs becomes a header of ours.
//
// A failure to send tells apart what proves that nothing was handed over, for now or for good, and what leaves it open.
package mail
