package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows on a terminal how far something is; elsewhere it shows nothing.
type bar struct{ shown *progressbar.ProgressBar }

// unit is what a bar counts.
type unit int

const (
	inBytes unit = iota
	inCalls
)

// newBar begins a bar. A max below zero is not known.
func newBar(w io.Writer, what string, max int64, in unit) bar {
	if !terminal(w) {
		return bar{}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(fmt.Sprintf("%-10s", what)),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	}
	if in == inBytes {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowIts(), progressbar.OptionSetItsString("calls"))
	}
	return bar{progressbar.NewOptions64(max, options...)}
}

func (b bar) set(n int64) {
	if b.shown != nil {
		_ = b.shown.Set64(n) // what cannot be drawn is not missed
	}
}

// end removes the bar.
func (b bar) end() {
	if b.shown != nil {
		_ = b.shown.Finish()
	}
}
