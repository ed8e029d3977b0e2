package sink

import (
	"os"
	"testing"

	"parley/results/recordtest"
)

func TestMain(m *testing.M) {
	if code, isSink := sinkMain(); isSink {
		os.Exit(code)
	}
	os.Exit(recordtest.Run(m))
}
