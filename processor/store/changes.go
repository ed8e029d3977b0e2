package store

// Change is a record of the changelog, its key without the partition; a nil value deletes.
type Change struct {
	Key, Value []byte
}

// changes are the last changes of a turn to each key, in the order in which the keys were first changed.
type changes struct {
	list []Change
	at   map[string]int
}

func (c *changes) set(k, value []byte) {
	if i, ok := c.at[string(k)]; ok {
		c.list[i].Value = value
		return
	}
	c.at[string(k)] = len(c.list)
	c.list = append(c.list, Change{Key: k, Value: value})
}
