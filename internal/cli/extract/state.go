package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"parley/internal/cli/client"
)

// state is what FILE.part.json says: of what an extract is, and how much of FILE.part is whole.
type state struct {
	// Asked is Config.Asked, Query what that was taken as.
	Asked string              `json:"asked"`
	Query client.ExtractQuery `json:"query"`
	// What lies between the beginning and Cursor is in FILE.part, and ends after so many Bytes; Until is the end.
	Cursor string `json:"cursor"`
	Until  string `json:"until"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows"`
	// Done is set when all is there, and the file only lacks its name.
	Done bool `json:"done,omitempty"`
}

func statePath(file string) string { return partPath(file) + ".json" }

func partPath(file string) string { return file + ".part" }

// readState reads the state of a file; the zero state: there is none.
func readState(file string) (s state, err error) {
	text, err := os.ReadFile(statePath(file))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return s, fmt.Errorf("read state of extract: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s cannot be read; remove it to begin anew: %w", statePath(file), err)
	}
	return s, nil
}

// named reports whether all was there and the file has got its name: the state only was not removed any more.
func (s state) named(file string) bool {
	_, err := os.Stat(partPath(file))
	return s.Done && errors.Is(err, fs.ErrNotExist)
}

// write writes the state of a file; whoever is interrupted leaves the one before.
func (s state) write(file string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state of extract: %w", err)
	}
	if err := writeFile(statePath(file), append(text, '\n')); err != nil {
		return fmt.Errorf("write state of extract: %w", err)
	}
	return nil
}

// writeFile writes a small file, whole or not at all.
func writeFile(path string, content []byte) error {
	next, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = next.Write(content)
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return os.Rename(next.Name(), path)
}
