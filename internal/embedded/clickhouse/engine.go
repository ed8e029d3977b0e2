package clickhouse

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"parley/internal/embedded/chdb"
)

// Files of the engine in the data folder.
const (
	configName = "engine.xml" // written at each start; without it the engine would take one from the working directory, ~ or /etc
	logName    = "engine.log" // what goes wrong inside, e.g. in merges; 10 MB, and as much of the one before
)

// engineConfig is the engine's configuration, in ClickHouse's form.
type engineConfig struct {
	XMLName xml.Name `xml:"clickhouse"`
	Logger  struct {
		Log     string `xml:"log"`
		Console int    `xml:"console"`
		Size    string `xml:"size"`
		Count   int    `xml:"count"`
	} `xml:"logger"`
	MemoryMax   int64   `xml:"max_server_memory_usage,omitempty"`
	MemoryRatio float64 `xml:"max_server_memory_usage_to_ram_ratio"`
}

// memoryRatio is the part of the machine's memory that the engine may take when the Config does not say.
const memoryRatio = 0.5

// writeConfig leaves the engine's configuration in the data folder and returns its path.
func writeConfig(dir string, memoryMax int64) (string, error) {
	c := engineConfig{MemoryMax: memoryMax, MemoryRatio: memoryRatio}
	if memoryMax > 0 {
		c.MemoryRatio = 1 // the engine takes the lower of the two
	}
	c.Logger.Log, c.Logger.Size, c.Logger.Count = filepath.Join(dir, logName), "10M", 1
	text, err := xml.MarshalIndent(c, "", "\t")
	if err != nil {
		return "", fmt.Errorf("write engine configuration: %w", err)
	}
	path := filepath.Join(dir, configName)
	if err := os.WriteFile(path, append(text, '\n'), 0o640); err != nil {
		return "", fmt.Errorf("write engine configuration: %w", err)
	}
	return path, nil
}

// engineInfo is what the engine says of itself.
type engineInfo struct {
	version             string // e.g. 26.7.2.1
	major, minor, patch int
	timezone, host      string
}

// askEngine asks for version, time zone and host.
func askEngine(conn *chdb.Conn) (engineInfo, error) {
	res, err := conn.Query(chdb.Statement{SQL: "SELECT version(), timezone(), hostName()", Format: "TSV"})
	if err != nil {
		return engineInfo{}, fmt.Errorf("ask engine for its version: %w", err)
	}
	fields := strings.Split(strings.TrimSuffix(string(res.Data), "\n"), "\t")
	if len(fields) != 3 {
		return engineInfo{}, fmt.Errorf("ask engine for its version: unexpected answer %q", res.Data)
	}
	e := engineInfo{version: fields[0], timezone: fields[1], host: fields[2]}
	parts := strings.Split(e.version, ".")
	for i, part := range []*int{&e.major, &e.minor, &e.patch} {
		if i == len(parts) {
			break
		}
		if *part, err = strconv.Atoi(parts[i]); err != nil {
			return engineInfo{}, fmt.Errorf("read engine version %q: %w", e.version, err)
		}
	}
	return e, nil
}
