// Package store keeps the state of the owned partitions in Pebble: the conversations, the payloads of their waiting
// parts, and the indexes that the shell reads them by. It is a cache of the log. Nothing is written to it that was
// not committed to the changelog before; it is written without WAL and without fsync; each batch carries the
// position up to which it follows the changelog, and on assignment what is missing is read again. It may be wiped
// at any time.
//
// One goroutine, the partition's owner, writes through a Tx. Any goroutine may read committed state through a View.
package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Config says where the store is and how much memory it takes.
type Config struct {
	// Dir is the folder of the store. It holds nothing else.
	Dir string
	// FS is the file system; nil: the operating system's.
	FS FS
	// CacheBytes bounds the cache of blocks; zero: 64 MiB.
	CacheBytes int64
	// MemTableBytes bounds what is in memory only, and so how much changelog is read again after a crash; zero: 64 MiB.
	MemTableBytes uint64
	// Logger receives Pebble's own messages; nil: none are kept.
	Logger pebble.Logger
}

// FS is a file system that a store can lie in.
type FS = vfs.FS

// Store is the state of all partitions that this process owns or has owned.
type Store struct {
	db      *pebble.DB
	fs      FS
	dir     string
	usages  usages
	commits [commitsKept]commits
}

// Open opens the store, and makes it if it is not there.
func Open(cfg Config) (*Store, error) {
	memTable := orDefault(cfg.MemTableBytes, 64<<20)
	cfg.FS = orDefault(cfg.FS, vfs.Default)
	// Pebble takes the room of its memtables out of the cache.
	cache := pebble.NewCache(orDefault(cfg.CacheBytes, 64<<20) + memTables*int64(memTable))
	defer cache.Unref()
	opts := &pebble.Options{
		FS:                          cfg.FS,
		Cache:                       cache,
		DisableWAL:                  true,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		Logger:                      quiet{},
	}
	if cfg.Logger != nil {
		opts.Logger = cfg.Logger
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(cfg.Dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	s := &Store{db: db, fs: cfg.FS, dir: cfg.Dir, usages: usages{byPartition: make(map[int32]usage)}}
	if err := s.checkLayout(); err != nil {
		return nil, errors.Join(fmt.Errorf("check layout of store %s: %w", cfg.Dir, err), db.Close())
	}
	return s, nil
}

// memTables is how many memtables there may be: one that is written to, the others on their way to disk.
const memTables = 2

// Close flushes and closes the store; every View is closed before.
func (s *Store) Close() error {
	return errors.Join(s.db.Flush(), s.db.Close())
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// quiet drops Pebble's progress messages; its errors reach us as errors.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("pebble: "+format, args...))
}

// Applied is how far a partition of the store follows the log.
type Applied struct {
	// Changelog and Results are the next offsets to read of the partition's changelog and of its results.
	Changelog int64
	Results   int64
	// At is when they were last moved, by the owner's clock.
	At time.Time
}

// Applied returns how far a partition has been applied; all zero when nothing is stored of it.
func (s *Store) Applied(partition int32) (Applied, error) {
	v, err := get(s.db, appliedKey(partition))
	if err != nil || v == nil {
		return Applied{}, err
	}
	if len(v) != 24 {
		return Applied{}, fmt.Errorf("applied position of partition %d: %d bytes, want 24", partition, len(v))
	}
	return Applied{
		Changelog: int64(binary.BigEndian.Uint64(v)),
		Results:   int64(binary.BigEndian.Uint64(v[8:])),
		At:        schemas.InstantOf(int64(binary.BigEndian.Uint64(v[16:]))),
	}, nil
}

func (a Applied) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(a.Changelog))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Results))
	return binary.BigEndian.AppendUint64(b, uint64(schemas.MilliOf(a.At)))
}

// Drop forgets a partition: it is rebuilt from the log when it is owned again.
func (s *Store) Drop(partition int32) error {
	start := prefix(partition, 0)[:2]
	end := prefix(partition+1, 0)[:2]
	defer s.commitsOf(partition).begin()()
	if err := s.db.DeleteRange(start, end, pebble.NoSync); err != nil {
		return fmt.Errorf("drop partition %d: %w", partition, err)
	}
	s.usages.forget(partition)
	return nil
}

// get returns a copy of the value of k, nil if there is none.
func get(r pebble.Reader, k []byte) ([]byte, error) {
	var out []byte
	_, err := inPlace(r, k, func(v []byte) error {
		out = make([]byte, len(v))
		copy(out, v)
		return nil
	})
	return out, err
}

// inPlace calls f with the value of k, which f must not keep; false: there is none.
func inPlace(r pebble.Reader, k []byte, f func([]byte) error) (found bool, err error) {
	v, closer, err := r.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read store: %w", err)
	}
	return true, errors.Join(f(v), closer.Close())
}

// Part is a call of an open conversation.
type Part struct {
	// Call is the encoded parleyv1.Call; nil: it is what Message encodes to.
	Call []byte
	// Message is the call; nil: it has not been decoded.
	Message    *parleyv1.Call
	RequestID  schemas.RequestID
	Content    uint64
	AcceptedAt time.Time
	// Erased is set when objects of the call have been erased since it came.
	Erased bool
	// stored is the key of the record that it was read from; nil: it was not.
	stored []byte
}

// Decode returns the call. *FormatError: its record is damaged.
func (p *Part) Decode() (*parleyv1.Call, error) {
	if p.Message != nil {
		return p.Message, nil
	}
	call := new(parleyv1.Call)
	if err := proto.Unmarshal(p.Call, call); err != nil {
		return nil, &FormatError{Key: p.stored, Err: fmt.Errorf("decode call %s: %w", p.RequestID, err)}
	}
	p.Message = call
	return call, nil
}

// Reference tells where the call of a request id belongs.
type Reference struct {
	Conversation schemas.ConversationKey
	SequenceCode int32
	// First is the request id that the call is recorded under.
	First schemas.RequestID
	// Rejected is set when the call was no part of the conversation.
	Rejected bool
}
