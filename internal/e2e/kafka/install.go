package kafka

import (
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// POM says, to Maven, of what a broker consists.
//
//go:embed pom.xml
var POM []byte

// Version is that of Kafka, as the POM pins it.
func Version() (string, error) {
	var project struct {
		Dependencies []struct {
			Artifact string `xml:"artifactId"`
			Version  string `xml:"version"`
		} `xml:"dependencies>dependency"`
	}
	if err := xml.Unmarshal(POM, &project); err != nil {
		return "", fmt.Errorf("read pom.xml: %w", err)
	}
	for _, d := range project.Dependencies {
		if strings.HasPrefix(d.Artifact, "kafka_") {
			return d.Version, nil
		}
	}
	return "", errors.New("read pom.xml: it has no kafka")
}

// Folder is where fetch puts Kafka, and where clusters find it: in $XDG_CACHE_HOME/parley, else in ~/.cache/parley.
func Folder() (string, error) {
	version, err := Version()
	if err != nil {
		return "", err
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("locate cache folder: %w; set XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "parley", "kafka-"+version), nil
}
