package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"

	"parley/internal/embedded/chdb"
)

// described is a column of a table: kind is DEFAULT, MATERIALIZED, ALIAS, EPHEMERAL or empty.
type described struct {
	column
	kind string
}

// headerOf asks for the columns of a query's rows, without running it.
func (s *session) headerOf(ctx context.Context, st chdb.Statement) ([]column, error) {
	columns, err := s.describe(ctx, "("+st.SQL+"\n)", st.Params...)
	if err != nil {
		return nil, err
	}
	header := make([]column, len(columns))
	for i, d := range columns {
		header[i] = d.column
	}
	return header, nil
}

// describe asks for the columns of a table, a table function or a query in parentheses, without running it.
func (s *session) describe(ctx context.Context, target string, params ...chdb.Param) ([]described, error) {
	res, err := s.run(ctx, chdb.Statement{SQL: "DESCRIBE TABLE " + target, Format: "JSONCompact", Params: params})
	if err != nil {
		return nil, err
	}
	var answer struct{ Data [][]string }
	if err := json.Unmarshal(res.Data, &answer); err != nil {
		return nil, fmt.Errorf("describe %s: %w", target, err)
	}
	columns := make([]described, len(answer.Data))
	for i, row := range answer.Data {
		if len(row) < 3 {
			return nil, fmt.Errorf("describe %s: unexpected answer %q", target, row)
		}
		columns[i] = described{column{name: row[0], typ: row[1]}, row[2]}
	}
	return columns, nil
}

// columnsOf runs a statement that gives no rows and returns the columns of its answer.
func (s *session) columnsOf(ctx context.Context, st chdb.Statement) ([]column, error) {
	st.Format = "JSONCompact"
	res, err := s.run(ctx, st)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Meta []struct{ Name, Type string }
	}
	if err := json.Unmarshal(res.Data, &answer); err != nil {
		return nil, fmt.Errorf("read columns of an answer: %w", err)
	}
	columns := make([]column, len(answer.Meta))
	for i, m := range answer.Meta {
		columns[i] = column{m.Name, m.Type}
	}
	return columns, nil
}
