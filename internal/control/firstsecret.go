package control

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/account"
)

const firstSecretPrefix = "callback-first/"

// firstSecrets are the secrets that were made for accounts that had none. Two processes may do so at once. Each writes what
// it made under a key of its own, {account}/{id of the secret}, and reads what it has written back: of all such records the
// one with the lowest offset counts, of which every process that has read its own knows. As each has its own key, compaction
// leaves them all.
type firstSecrets struct {
	log *slog.Logger

	mu    sync.RWMutex
	known map[string]firstSecret // by account
}

type firstSecret struct {
	offset int64
	value  *account.CallbackSecrets
}

func (f *firstSecrets) begins() string { return firstSecretPrefix }

// apply takes in a record of an account and an id.
func (f *firstSecrets) apply(name string, r *kgo.Record) (logChange func()) {
	of, _, _ := strings.Cut(name, "/")
	value, err := decodeCallbackSecrets(of, r.Value)
	if err != nil {
		f.log.Warn("first callback secret not understood", slog.String("account", of), slog.Int64("offset", r.Offset), slog.Any("error", err))
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if was, ok := f.known[of]; ok && was.offset <= r.Offset {
		return nil
	}
	if f.known == nil {
		f.known = make(map[string]firstSecret)
	}
	f.known[of] = firstSecret{offset: r.Offset, value: &value}
	return func() {
		f.log.Info("first callback secret made", audited, slog.String("account", of), slog.String("secret", value.Secrets[0].ID()))
	}
}

// get returns those of an account; nil: none were made.
func (f *firstSecrets) get(of string) *account.CallbackSecrets {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.known[of].value
}
