package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"parley/internal/embedded/chdb"
)

// versionText says which program this is. The go command writes version and commit into what it builds from a
// repository.
func versionText() string {
	version := "(unknown version)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return fmt.Sprintf("parley %s, %s, %s/%s, ClickHouse engine %s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, chdb.Version)
}
