package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// span is a duration of which a person says days, too: 90d, or 24h.
type span time.Duration

// UnmarshalText reads what was given, which is not negative.
func (s *span) UnmarshalText(text []byte) error {
	d, err := parseSpan(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration as 90d or 24h", text)
	}
	*s = span(d)
	return nil
}

// daysMax is as many days as a duration can hold.
const daysMax = 106_751

func parseSpan(text string) (time.Duration, error) {
	before, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseInt(before, 10, 32)
	if err != nil {
		return 0, err
	}
	if days > daysMax || days < -daysMax {
		return 0, strconv.ErrRange
	}
	return time.Duration(days) * 24 * time.Hour, nil
}
