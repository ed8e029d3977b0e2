package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"parley/schemas"
)

// Bookmark is the file that says where the next of a series of extracts begins, so that each has what the one before has
// not.
//
// Its first line is a cursor, empty before the first extract has ended. An extract gets its name in one step and moves the
// cursor in another. So a second line is there before the first of the two: which file is about to have all up to which
// cursor. Whoever finds it looks whether that file has its name.
type Bookmark struct {
	path   string
	cursor string
	named  named
}

// named is the file that an extract has become.
type named struct {
	File   string `json:"file"` // absolute
	Bytes  int64  `json:"bytes"`
	Cursor string `json:"cursor"`
}

// OpenBookmark reads a bookmark, which need not be there yet. When an extract had been interrupted between its name and its
// cursor, it moves the cursor now.
func OpenBookmark(path string) (*Bookmark, error) {
	b := &Bookmark{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read bookmark: %w", err)
	}
	first, second, _ := strings.Cut(strings.TrimRight(string(text), "\r\n"), "\n")
	b.cursor = strings.TrimSpace(first)
	if _, err := schemas.ParseCursor(b.cursor); err != nil && (b.cursor != "" || second == "") {
		return nil, fmt.Errorf("%s has no cursor: %w", path, err)
	}
	if second == "" {
		return b, nil
	}
	var about named
	if err := json.Unmarshal([]byte(second), &about); err != nil {
		return nil, fmt.Errorf("%s cannot be read behind its cursor: %w", path, err)
	}
	if err := b.settle(about); err != nil {
		return nil, err
	}
	return b, nil
}

// settle finds out whether an extract got its name.
func (b *Bookmark) settle(about named) error {
	_, err := os.Stat(partPath(about.File))
	switch {
	case err == nil:
		return nil // it did not: the cursor before it stands
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for what the extract before left: %w", err)
	}
	info, err := os.Stat(about.File)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != about.Bytes:
		return fmt.Errorf("the extract before was interrupted when %s was about to be whole, with %d bytes up to cursor %s, and it is not there: write that cursor into %s if you have the file, else %q, and its rows come again",
			about.File, about.Bytes, about.Cursor, b.path, b.cursor)
	case err != nil:
		return fmt.Errorf("look for the extract before: %w", err)
	}
	if err := os.Remove(statePath(about.File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove state of extract: %w", err)
	}
	b.named = about
	return b.Move(about.Cursor)
}

// Cursor is where the next extract begins; empty: before all results.
func (b *Bookmark) Cursor() string { return b.cursor }

// Settled reports whether a file is the extract of which OpenBookmark found that it was interrupted after it got its name: it
// is whole, and the bookmark now lies behind it.
func (b *Bookmark) Settled(file string) bool {
	path, err := filepath.Abs(file)
	return err == nil && path == b.named.File
}

// Move moves the cursor to where an extract ended.
func (b *Bookmark) Move(cursor string) error {
	b.cursor = cursor
	return b.write("")
}

// naming says what file is about to get its name.
func (b *Bookmark) naming(about named) (err error) {
	if about.File, err = filepath.Abs(about.File); err != nil {
		return fmt.Errorf("write bookmark: %w", err)
	}
	text, err := json.Marshal(about)
	if err != nil {
		return fmt.Errorf("write bookmark: %w", err)
	}
	return b.write(string(text) + "\n")
}

func (b *Bookmark) write(behind string) error {
	if err := writeFile(b.path, []byte(b.cursor+"\n"+behind)); err != nil {
		return fmt.Errorf("write bookmark: %w", err)
	}
	return nil
}
