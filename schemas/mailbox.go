package schemas

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"
)

const (
	// MailboxBytesMax is the longest path of SMTP without its brackets (RFC 5321, section 4.5.3.1.3), localBytesMax the longest part
	// before its @.
	MailboxBytesMax = 254
	localBytesMax   = 64
)

// CheckMailbox refuses what is not the address of one mailbox and nothing else, as ann@example.com. It is ASCII: a domain in another
// script is given as xn--.
func CheckMailbox(s string) error {
	switch at := strings.LastIndexByte(s, '@'); {
	case !plainMailbox(s):
		return errors.New("an address is of ASCII letters, digits and signs; a domain in another script is given as xn--")
	case len(s) > MailboxBytesMax || at > localBytesMax:
		return fmt.Errorf("an address has at most %d bytes, %d of them before its @", MailboxBytesMax, localBytesMax)
	}
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		return fmt.Errorf("%.100q is not the address of one mailbox, as ann@example.com", s)
	}
	return nil
}

// plainMailbox reports whether a mailbox is of visible ASCII, without what SMTP gives a meaning of its own. Quoted local parts are
// nobody's any more, and half the servers read them otherwise than the other half.
func plainMailbox(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= utf8.RuneSelf || r == 0x7f || strings.ContainsRune(`"\<>(),:;[]`, r)
	})
}
