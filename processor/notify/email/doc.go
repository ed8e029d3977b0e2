// Package email tells receivers by mail (ResponseType email): what has ended, as text and as HTML that a person reads, and with
// IncludeResults the results as Results.zip with Results.xml in it, as the original service has it, and as results.json, the body of
// a callback, unless a call by SOAP has named the receiver. What an attempt comes to:
//
//	the mail server has taken it             taken; what follows, a bounce say, is not heard of
//	5xx to sender, receiver or message       refused
//	an address that mail does not go to      refused
//	4xx, no connection, the wrong password   again
//	the account has had its messages         again
//
// A message that was sent whole, and to which no answer came, is sent again: its Message-ID is that of the first.
package email
