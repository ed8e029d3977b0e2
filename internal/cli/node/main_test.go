package node

import (
	"os"
	"testing"

	"parley/internal/testkit"
	"parley/results/recordtest"
)

func TestMain(m *testing.M) {
	backendMain()
	testkit.BrokerMain()
	os.Exit(recordtest.Run(m))
}
