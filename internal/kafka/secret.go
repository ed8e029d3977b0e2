package kafka

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Secret is a password. It never shows itself.
type Secret struct {
	// Value is the password, or File the file that has it: one of them. A line end behind it is no part of it.
	Value string
	File  string
}

// String hides it.
func (Secret) String() string { return "(secret)" }

// GoString hides it.
func (Secret) GoString() string { return "(secret)" }

// validate needs exactly one of both, of a setting that a mechanism needs.
func (s Secret) validate(setting, mechanism string) error {
	switch {
	case s.Value != "" && s.File != "":
		return fmt.Errorf("%s and %s_FILE are both set; give one of them", setting, setting)
	case s.Value == "" && s.File == "":
		return fmt.Errorf("%s_FILE is empty, and so is %s; PARLEY_KAFKA_SASL=%s needs one of them", setting, setting, mechanism)
	}
	return nil
}

// SecretError says that there is no password in a file.
type SecretError struct {
	File string
	Err  error
}

func (e *SecretError) Error() string { return fmt.Sprintf("read password from %s: %s", e.File, e.Err) }

// Unwrap is what reading said.
func (e *SecretError) Unwrap() error { return e.Err }

// read returns what it is now.
func (s Secret) read() (string, error) {
	if s.File == "" {
		return s.Value, nil
	}
	b, err := os.ReadFile(s.File)
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err // it names the file once more
	}
	if err != nil {
		return "", &SecretError{File: s.File, Err: err}
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", &SecretError{File: s.File, Err: errors.New("it is empty")}
	}
	return password, nil
}
