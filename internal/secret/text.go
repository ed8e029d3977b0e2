// Package secret is passwords and the like: given as they are or in a file, and never shown.
package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Text is a secret. It never shows itself: not printed, not logged, not encoded.
type Text struct {
	// Value is the secret, or File the file that has it: one of them. A line end behind it is no part of it.
	Value string
	File  string
}

// shown is what stands for any secret.
const shown = "(secret)"

// String hides it.
func (Text) String() string { return shown }

// GoString hides it.
func (Text) GoString() string { return shown }

// LogValue hides it.
func (Text) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText hides it, from JSON, too.
func (Text) MarshalText() ([]byte, error) { return []byte(shown), nil }

// FileError says that there is no secret in a file.
type FileError struct {
	File string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("read secret from %s: %s", e.File, e.Err) }

// Unwrap is what reading said.
func (e *FileError) Unwrap() error { return e.Err }

// Read returns what it is now, empty if neither is given. Its error is a *FileError.
func (t Text) Read() (string, error) {
	if t.File == "" {
		return t.Value, nil
	}
	b, err := os.ReadFile(t.File)
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err // it names the file once more
	}
	if err != nil {
		return "", &FileError{File: t.File, Err: err}
	}
	value := strings.TrimRight(string(b), "\r\n")
	if value == "" {
		return "", &FileError{File: t.File, Err: errors.New("it is empty")}
	}
	return value, nil
}
