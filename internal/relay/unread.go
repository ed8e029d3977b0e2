package relay

import (
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sayEvery is how often it is said again that something cannot be read: the client tries, and fails, several times a second.
const sayEvery = time.Minute

// unread says what cannot be read. One goroutine uses it.
type unread struct {
	log   *slog.Logger
	group string
	said  map[place]time.Time
}

// place is a partition; the zero place is all of them, which the group gives.
type place struct {
	topic     string
	partition int32
}

func (u *unread) say(at place, err error) {
	group, outside := errors.AsType[*kgo.ErrGroupSession](err)
	if outside {
		at = place{}
	}
	now := time.Now()
	if now.Sub(u.said[at]) < sayEvery {
		return
	}
	u.said[at] = now
	if outside {
		u.log.Warn("the group cannot be joined, and nothing is read until it can", slog.String("group", u.group), slog.Any("error", group.Err))
		return
	}
	u.log.Warn("topic cannot be read", slog.String("topic", at.topic), slog.Int("partition", int(at.partition)), slog.Any("error", err))
}
