package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"parley/schemas"
)

// nameBytesMax bounds a name before an address: it is cut from the room of a header line.
const nameBytesMax = 200

// Address is a mailbox, perhaps with a name. The zero value is none.
type Address struct {
	// Name is text in any script without control characters; empty: none.
	Name string
	// Mailbox is local@domain, ASCII.
	Mailbox string
}

// ParseAddress reads one mailbox, as ann@example.com or Ann <ann@example.com>. The mailbox is ASCII: a domain in another script is
// given as xn--.
func ParseAddress(s string) (Address, error) {
	if len(s) > schemas.MailboxBytesMax+nameBytesMax {
		return Address{}, fmt.Errorf("an address has at most %d bytes, and a name before it %d", schemas.MailboxBytesMax, nameBytesMax)
	}
	if hasControl(s) {
		return Address{}, errors.New("an address has no control characters")
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf("%.100q is not the address of one mailbox, as ann@example.com", s)
	}
	if err := schemas.CheckMailbox(a.Address); err != nil {
		return Address{}, err
	}
	if hasControl(a.Name) || len(a.Name) > nameBytesMax { // an encoded word may hold anything
		return Address{}, fmt.Errorf("the name before an address has no control characters, and at most %d bytes", nameBytesMax)
	}
	return Address{Name: a.Name, Mailbox: a.Address}, nil
}

// String is the form that ParseAddress reads.
func (a Address) String() string {
	return (&mail.Address{Name: a.Name, Address: a.Mailbox}).String()
}

// Domain is what stands behind the @.
func (a Address) Domain() string { return a.Mailbox[strings.LastIndexByte(a.Mailbox, '@')+1:] }

// hasControl reports whether s holds what ends a line, or anything else that is not to be seen; invalid UTF-8, too.
func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, isControl)
}

// isControl is true of C0 and C1 controls, and of the separators of lines and paragraphs.
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}
