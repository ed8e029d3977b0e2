package extract

import "io"

// csv writes RFC 4180: a header row, fields in quotes where they need them, rows that end with CRLF. What is not there is
// an empty field.
type csv struct{ pieces }

func newCSV(w io.Writer, b *block) *csv {
	c := &csv{pieces{w: w}}
	for i, name := range b.names {
		if i > 0 {
			c.b = append(c.b, ',')
		}
		c.b = append(c.b, name...)
	}
	c.b = append(c.b, "\r\n"...)
	return c
}

func (c *csv) write(b *block, from, to int) error {
	for row := from; row < to; row++ {
		for i, column := range b.columns {
			if i > 0 {
				c.b = append(c.b, ',')
			}
			c.b = column.appendCSV(c.b, row)
		}
		c.b = append(c.b, "\r\n"...)
		if err := c.cut(); err != nil {
			return err
		}
	}
	return nil
}
