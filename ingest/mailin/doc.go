// Package mailin takes replies by mail (SMTP, RFC 5321): one whose subject carries a deferred token answers the call that the token
// names, as POST /v1/deferred/{token} does. Whoever mailed the token is anybody: a route of the smtp executor with awaitReply, or a
// backend of its own.
//
//	mail program ─▶ its server ─▶ Receiver ─▶ Answer   the token, and what the reply says
//	                   ▲              │
//	                   └── 250 550 450 ┘
//
// It takes mail for one mailbox or domain and sends none, so that nobody can relay by it. What a program sends by itself, as
// an out-of-office or a bounce, answers nothing. Every message is answered once it is known what came of it: 250 is of an answer that
// the owner of the call has, and a message that comes again is the same answer.
package mailin
