package executor

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"parley/internal/mail"
)

// letter is what the properties of an object say of a message. Names are as ExactTarget has them where it has any; the other members
// of a TriggeredSend are not used.
//
//	{"Subscribers": [{"EmailAddress": "Ann <ann@example.com>"}], "Subject": "…", "Text": "…", "HTML": "…"}
type letter struct {
	// Subscribers is whom the message goes to: one.
	Subscribers []struct {
		EmailAddress string `json:"EmailAddress"`
	} `json:"Subscribers"`
	Subject string `json:"Subject"`
	// Text and HTML are the same in two forms, of which one may be left out.
	Text string `json:"Text"`
	HTML string `json:"HTML"`

	to mail.Address
}

// readLetter reads the properties of an object. The error tells its caller what to change.
func readLetter(properties []byte) (*letter, error) {
	if len(properties) == 0 {
		return nil, errors.New("the object has no properties; a message needs Subscribers, Subject, and Text or HTML")
	}
	l := new(letter)
	if err := json.Unmarshal(properties, l); err != nil {
		return nil, fmt.Errorf("the properties are not those of a message: %w", err)
	}
	if len(l.Subscribers) != 1 {
		return nil, fmt.Errorf("a message goes to one of Subscribers, not to %d; make a call of each", len(l.Subscribers))
	}
	var err error
	if l.to, err = mail.ParseAddress(l.Subscribers[0].EmailAddress); err != nil {
		return nil, fmt.Errorf("Subscribers/0/EmailAddress: %w", err)
	}
	if l.Subject == "" {
		return nil, errors.New("the message has no Subject")
	}
	return l, nil
}
