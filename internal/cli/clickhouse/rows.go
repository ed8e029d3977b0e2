package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Answer is what a statement gives, as far as it was asked for.
type Answer struct {
	// Columns is empty for a statement that gives no rows, as CREATE.
	Columns []Column
	Rows    [][]string
	// More is whether there are further rows.
	More bool
}

// Column is a column of an answer.
type Column struct{ Name, Type string }

// rowsFormat has a line with the names, one with the types, and one for each row, as JSON arrays. (ClickHouse
// documentation, Formats.)
const rowsFormat = "JSONCompactStringsEachRowWithNamesAndTypes"

// FormatError says that a statement itself names the format of its answer, which then has no rows that can be told apart.
type FormatError struct{ Format string }

func (e *FormatError) Error() string {
	return fmt.Sprintf("the statement has a FORMAT of its own, %s: use Stream for it", e.Format)
}

// Rows returns the first rows of the answer to a statement, with values as text, NULL as
// ClickHouse writes it to tell it from the word.
func (s *Server) Rows(ctx context.Context, statement string, max int) (Answer, error) {
	answer, err := s.ask(ctx, statement, rowsFormat)
	if err != nil {
		return Answer{}, err
	}
	defer answer.Body.Close()
	if other := answer.Header.Get(formatHeader); other != "" && other != rowsFormat {
		return Answer{}, &FormatError{Format: other}
	}
	lines := json.NewDecoder(answer.Body)
	var a Answer
	var names, types []string
	if err := errors.Join(lines.Decode(&names), lines.Decode(&types)); err != nil {
		if errors.Is(err, io.EOF) {
			return a, nil // no rows, and no columns
		}
		return a, fmt.Errorf("read answer: %w", err)
	}
	for i, name := range names {
		a.Columns = append(a.Columns, Column{Name: name, Type: types[i]})
	}
	for {
		var cells []string
		err := lines.Decode(&cells)
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return a, fmt.Errorf("read row %d: %w", len(a.Rows)+1, err)
		}
		if len(a.Rows) == max {
			a.More = true
			return a, nil
		}
		a.Rows = append(a.Rows, cells)
	}
}
