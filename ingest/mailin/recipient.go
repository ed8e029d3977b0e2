package mailin

import (
	"fmt"
	"strings"

	"parley/internal/mail"
)

// Recipient is a mailbox, or all mailboxes of a domain. The zero value is nobody.
type Recipient struct {
	// mailbox is empty for a whole domain. Both are in lower case.
	mailbox, domain string
}

// ParseRecipient reads a mailbox, as replies@example.com, or a domain, as replies.example.com.
func ParseRecipient(s string) (Recipient, error) {
	mailbox := s
	if !strings.Contains(s, "@") {
		mailbox = "any@" + s
	}
	a, err := mail.ParseAddress(mailbox)
	if err != nil || a.Name != "" {
		return Recipient{}, fmt.Errorf("%.100q is neither a mailbox, as replies@example.com, nor a domain, as replies.example.com", s)
	}
	r := Recipient{domain: strings.ToLower(a.Domain())}
	if strings.Contains(s, "@") {
		r.mailbox = strings.ToLower(a.Mailbox)
	}
	return r, nil
}

// String is the form that ParseRecipient reads.
func (r Recipient) String() string {
	if r.mailbox != "" {
		return r.mailbox
	}
	return r.domain
}

// takes reports whether mail to a mailbox is for r. Upper and lower case are the same.
func (r Recipient) takes(mailbox string) bool {
	mailbox = strings.ToLower(mailbox)
	if r.mailbox != "" {
		return mailbox == r.mailbox
	}
	at := strings.LastIndexByte(mailbox, '@')
	return at > 0 && mailbox[at+1:] == r.domain
}
