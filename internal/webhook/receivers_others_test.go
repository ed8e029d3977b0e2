//go:build receivers

package webhook_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// The receivers in other languages are not part of make test, whose machine may not have them.
func TestTheReceiverInPython(t *testing.T) {
	t.Parallel()
	exerciseReceiver(t, interpreter(t, "python3", "Python 3.9 or later"), filepath.Join(receivers, "receiver.py"))
}

func TestTheReceiverInJavaScript(t *testing.T) {
	t.Parallel()
	exerciseReceiver(t, interpreter(t, "node", "Node.js 18 or later"), filepath.Join(receivers, "receiver.mjs"))
}

func interpreter(t *testing.T, name, what string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("make receivers needs %s, %s: %v", name, what, err)
	}
	return path
}
