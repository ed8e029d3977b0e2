package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

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

// versionDate is when the commit was made that the program was built from. Zero: that is not known.
func versionDate() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
			return at
		}
	}
	return time.Time{}
}
