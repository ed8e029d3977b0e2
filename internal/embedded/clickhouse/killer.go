package clickhouse

import (
	"log/slog"
	"sync"
	"time"

	"parley/internal/embedded/chdb"
)

// killer stops the statements of other sessions.
type killer struct {
	log *slog.Logger

	mu   sync.Mutex // the connection serves one at a time
	conn *chdb.Conn
}

// killInterval is how often a kill is repeated: a statement that has not reached the engine's list of
// processes yet is not found, and one that is found ends at its next block.
const killInterval = 20 * time.Millisecond

// kill stops what the session with this tag runs and returns when done is closed.
func (k *killer) kill(tag string, done <-chan struct{}) {
	tick := time.NewTicker(killInterval)
	defer tick.Stop()
	for {
		k.once(tag)
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

func (k *killer) once(tag string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sql := "KILL QUERY WHERE Settings['" + tagSetting + "'] = " + quoteString(tag) + " ASYNC"
	if _, err := k.conn.Query(chdb.Statement{SQL: sql}); err != nil {
		k.log.Error("kill query failed", "session", tag, "error", err)
	}
}
