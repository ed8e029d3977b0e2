package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"time"

	"parley/internal/control"
)

// controlTimeout bounds how long Kafka may take to tell, or to keep, what all processes agree on.
const controlTimeout = 10 * time.Second

// control opens what all processes agree on, which whoever has the brokers may change: the first key is made before
// anybody can show one.
func (f *kafkaFlags) control(ctx context.Context, std streams) (*control.Control, error) {
	opts, err := f.reach(ctx, std.err)
	if err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	c, err := control.Open(opening, control.Config{
		Kafka: opts,
		Topic: f.topics().Control,
		Log:   slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, control.ErrNoTopic):
		return nil, fmt.Errorf("there is no topic %s: no Parley has been served with this topic prefix; start parley serve, which makes it", f.topics().Control)
	}
	return nil, err
}

// operator is who uses the program, as far as the system knows.
func operator() string {
	name, host := "somebody", "somewhere"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
