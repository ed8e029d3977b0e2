package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"

	"parley/internal/embedded/chdb"
)

// upload is an INSERT of a session whose data is being fed to the engine. abort must be called, also after commit.
type upload struct {
	sess *session
	ins  *chdb.Insert
}

// upload begins an INSERT. The session can do nothing else until it has ended.
func (s *session) upload(st chdb.Statement) (*upload, error) {
	ins, err := s.conn.Insert(st)
	if err != nil {
		s.settle()
		return nil, err
	}
	return &upload{sess: s, ins: ins}, nil
}

// append feeds data. A refusal ends the upload.
func (u *upload) append(data []byte) error {
	err := u.ins.Append(data)
	if err != nil {
		u.sess.settle()
	}
	return err
}

// copy feeds what there is to read. It ends with ctx, too.
func (u *upload) copy(ctx context.Context, data io.Reader) error {
	buf := make([]byte, growBytes)
	for {
		n, err := data.Read(buf)
		if aerr := u.append(buf[:n]); aerr != nil {
			return aerr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read data: %w", err)
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
}

// commit ends the data and returns when the rows are written.
func (u *upload) commit(ctx context.Context) (stats chdb.Stats, err error) {
	err = u.sess.interruptible(ctx, func() (err error) {
		stats, err = u.ins.Commit()
		return err
	})
	return stats, err
}

// abort drops what is not written yet, unless the upload has ended.
func (u *upload) abort() {
	if u.ins.Abort() {
		u.sess.settle()
	}
}
