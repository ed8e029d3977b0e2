package backend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// journalEntry is one line of the journal.
type journalEntry struct {
	Execution

	// Call is what was executed, to be executed again at the next start. Nil if nothing was.
	Call *Call `json:"call,omitempty"`
}

// journal is the file of executions. What append has returned for survives a kill of the process.
type journal struct {
	file *os.File
}

// openJournal reads the file, giving each entry to each, and leaves it ready for more. A last line without its
// end is what a kill left of an entry that was never answered: it is cut off.
func openJournal(path string, each func(journalEntry)) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &journal{file: f}
	if err := j.load(each); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal %s: %w", path, err), f.Close())
	}
	return j, nil
}

func (j *journal) load(each func(journalEntry)) error {
	lines := bufio.NewReader(j.file)
	var whole int64 // bytes of whole lines
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e journalEntry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("line %d: %w; move the file away to begin anew", n, err)
		}
		each(e)
		whole += int64(len(line))
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err := j.file.Seek(whole, io.SeekStart)
	return err
}

func (j *journal) append(e journalEntry) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(e); err != nil {
		return fmt.Errorf("encode execution: %w", err)
	}
	if _, err := j.file.Write(line.Bytes()); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }
