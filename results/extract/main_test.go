package extract

import (
	"os"
	"testing"

	"parley/results/recordtest"
)

func TestMain(m *testing.M) { os.Exit(recordtest.Run(m)) }
