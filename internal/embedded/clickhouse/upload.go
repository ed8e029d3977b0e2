package clickhouse

import (
	"context"

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
