package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"parley/schemas"
)

// usages are what partitions hold of accounts, as the store has it: read as a whole when it first changes, so that no turn
// must look an account up. The goroutine that writes a partition alone touches what is of it.
type usages struct {
	mu          sync.Mutex
	byPartition map[int32]usage
}

// usage is what a partition holds of accounts; one of which it holds nothing is not there.
type usage map[string]schemas.AccountUsage

// usageOf returns what a partition holds of all accounts.
func (s *Store) usageOf(partition int32) (usage, error) {
	s.usages.mu.Lock()
	defer s.usages.mu.Unlock()
	if known, ok := s.usages.byPartition[partition]; ok {
		return known, nil
	}
	read := make(usage)
	lower := prefix(partition, kindUsage)
	err := scan(s.db, lower, behind(lower), func(k, value []byte) (bool, error) {
		u, err := decodeUsage(value)
		read[string(k[prefixLen:])] = u
		return true, err
	})
	if err != nil {
		return nil, err
	}
	s.usages.byPartition[partition] = read
	return read, nil
}

// forget lets go of what is known of a partition.
func (u *usages) forget(partition int32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byPartition, partition)
}

// Usage returns what the partition holds of an account.
func (v *View) Usage(account string) (schemas.AccountUsage, error) {
	value, err := v.get(usageKey(v.partition, account))
	if err != nil || value == nil {
		return schemas.AccountUsage{}, err
	}
	return decodeUsage(value)
}

func encodeUsage(u schemas.AccountUsage) []byte {
	b := make([]byte, 0, 3*binary.MaxVarintLen64)
	for _, n := range [...]int64{u.OpenCalls, u.StagedBytes, u.KeptBytes} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func decodeUsage(value []byte) (schemas.AccountUsage, error) {
	var u schemas.AccountUsage
	for _, to := range [...]*int64{&u.OpenCalls, &u.StagedBytes, &u.KeptBytes} {
		n, size := binary.Varint(value)
		if size <= 0 {
			return u, fmt.Errorf("usage of an account: %d bytes are no number", len(value))
		}
		*to, value = n, value[size:]
	}
	return u, nil
}

// count takes down that the usage of a conversation's account has changed. What begins and ends in the same turn changes
// nothing.
func (w *writer) count(key schemas.ConversationKey, before, now schemas.AccountUsage) {
	if before == now {
		return
	}
	if w.usage == nil {
		w.usage = make(usage)
	}
	account, _, _ := strings.Cut(string(key), "\x00")
	w.usage[account] = w.usage[account].Plus(now.Minus(before))
}

// sumUp puts the new usage of accounts into the batch, and returns what is to be done once it is committed.
func (w *writer) sumUp() (committed func(), err error) {
	if len(w.usage) == 0 {
		return func() {}, nil
	}
	known, err := w.store.usageOf(w.partition)
	if err != nil {
		return nil, err
	}
	for account, more := range w.usage {
		sum := known[account].Plus(more)
		w.usage[account] = sum
		c := Change{Key: usageKey(w.partition, account)}
		if sum != (schemas.AccountUsage{}) {
			c.Value = encodeUsage(sum)
		}
		w.put(c)
	}
	return func() { known.take(w.usage) }, nil
}

// take replaces what is held of accounts.
func (u usage) take(sums usage) {
	for account, sum := range sums {
		if sum == (schemas.AccountUsage{}) {
			delete(u, account)
			continue
		}
		if _, known := u[account]; !known {
			account = strings.Clone(account) // it is a part of a conversation's key
		}
		u[account] = sum
	}
}
