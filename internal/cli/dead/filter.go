package dead

import (
	"slices"
	"time"

	"parley/schemas"
)

// Filter chooses letters. The zero value chooses all.
type Filter struct {
	// Codes are the reasons that are asked for; none: all.
	Codes []schemas.Code
	// From and To bound the time at which a letter was written, To excluded; zero: no bound.
	From, To time.Time
}

// Has reports whether a letter is chosen.
func (f Filter) Has(l *Letter) bool {
	return (len(f.Codes) == 0 || slices.Contains(f.Codes, l.Code)) &&
		!l.At.Before(f.From) &&
		(f.To.IsZero() || l.At.Before(f.To))
}
