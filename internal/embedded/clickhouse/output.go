package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"parley/internal/embedded/chdb"
)

// outputBytes are read at a time of what the engine writes.
const outputBytes = 256 << 10

// output runs a query and writes its rows to w as they come. The engine's stream makes a document of its own of each
// piece, with head and tail, so it is of use for blocks alone; here the engine writes one document, into a pipe, as it
// would into a file of clickhouse-local. What cannot be written any more is read on until the query has been killed:
// the engine would wait for ever, or meet a broken pipe. w may have got something when there is an error.
func (s *session) output(ctx context.Context, st chdb.Statement, w io.Writer) (chdb.Stats, error) {
	if !formatName.MatchString(st.Format) {
		return chdb.Stats{}, exceptionf(codeUnknownFormat, "Unknown format %.40s", st.Format)
	}
	from, to, err := os.Pipe()
	if err != nil {
		return chdb.Stats{}, fmt.Errorf("open pipe: %w", err)
	}
	st.SQL += fmt.Sprintf("\nINTO OUTFILE '/proc/self/fd/%d' TRUNCATE FORMAT %s", to.Fd(), st.Format)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(writerOnly{w}, readerOnly{from}, make([]byte, outputBytes))
		if err != nil {
			cancel(err)
			_, err = io.Copy(io.Discard, from)
		}
		done <- err
	}()
	res, err := s.run(ctx, st)
	err = errors.Join(err, to.Close())
	return res.Stats, errors.Join(err, <-done, from.Close())
}

// writerOnly and readerOnly keep io.CopyBuffer to the buffer that it is given.
type (
	writerOnly struct{ io.Writer }
	readerOnly struct{ io.Reader }
)
