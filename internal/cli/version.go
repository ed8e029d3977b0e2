package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"parley/internal/embedded/chdb"
)

// versionText says which program this is.
func versionText() string {
	return fmt.Sprintf("parley %s, %s, %s/%s, ClickHouse engine %s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, chdb.Version)
}

// version is what the go command writes of version and commit into what it builds from a repository.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown version)"
}
