package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerLog passes on what kfake logs, and keeps its errors: kfake reports a failed save at close to its
// log alone.
type brokerLog struct {
	log *slog.Logger

	mu   sync.Mutex
	errs []error // since the last forget; bounded
}

// brokerErrorsMax bounds the errors that are kept; the log has them all.
const brokerErrorsMax = 16

// Logf implements kfake.Logger. kfake's informational lines are of use to its own developers.
func (l *brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
		l.keep(fmt.Errorf(format, args...)) //nolint:err113 // kfake gives text, no more
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if !l.log.Enabled(context.Background(), to) {
		return
	}
	l.log.Log(context.Background(), to, "kafka broker", "detail", fmt.Sprintf(format, args...))
}

func (l *brokerLog) keep(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) < brokerErrorsMax {
		l.errs = append(l.errs, err)
	}
}

// forget drops the errors so far.
func (l *brokerLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = nil
}

// err returns the errors since the last forget, joined.
func (l *brokerLog) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}
