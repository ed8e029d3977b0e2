package store

// Change is a record of the changelog, its key without the partition; a nil value deletes.
type Change struct {
	Key, Value []byte
	// stored is what the store has in place of Value; nil: Value.
	stored []byte
}

// changes are the last changes of a turn to each key, in the order in which the keys were first changed.
type changes struct {
	list []Change
	at   map[string]int
}

func (c *changes) set(k, value []byte) { c.put(Change{Key: k, Value: value}) }

func (c *changes) put(change Change) {
	if i, ok := c.at[string(change.Key)]; ok {
		c.list[i] = change
		return
	}
	c.at[string(change.Key)] = len(c.list)
	c.list = append(c.list, change)
}
