package extract

import (
	"context"
	"errors"
)

// Cut is Run, killed when it has done some of the steps of its end; there are Steps of them.
func Cut(ctx context.Context, cfg Config, steps int) error {
	w, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := errors.Join(w.write(ctx), w.part.Close()); err != nil {
		return err
	}
	for _, step := range w.ending()[:steps] {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Steps is how many steps the end of an extract has.
func Steps(cfg Config) int { return len((&writing{cfg: cfg}).ending()) }
