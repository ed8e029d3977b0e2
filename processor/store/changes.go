package store

// Change is a record of the changelog, its key without the partition; a nil value deletes.
type Change struct {
	Key, Value []byte
}

// changes are the last changes of a turn to each key, in the order in which the keys were first changed.
type changes struct {
	list []Change // without a key: there is nothing to change any more
	at   map[string]int
	made map[int]struct{}
}

// make adds a key that is not in the store.
func (c *changes) make(k, value []byte) {
	c.set(k, value)
	if c.made == nil {
		c.made = make(map[int]struct{})
	}
	c.made[c.at[string(k)]] = struct{}{}
}

// set changes a key. A key that was made and is deleted in the same turn leaves no trace.
func (c *changes) set(k, value []byte) {
	i, ok := c.at[string(k)]
	if !ok {
		c.at[string(k)] = len(c.list)
		c.list = append(c.list, Change{Key: k, Value: value})
		return
	}
	c.list[i] = Change{Key: k, Value: value}
	if _, made := c.made[i]; made && value == nil {
		c.list[i] = Change{}
		delete(c.made, i)
		delete(c.at, string(k))
	}
}
