package kafka

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// logging is the log4j2 configuration of brokers.
//
//go:embed log4j2.properties
var logging []byte

// FindJava returns the path of the program that runs Kafka, or an error that says how to get it.
func FindJava() (string, error) {
	path, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("real Kafka brokers need Java 17 or newer: %w; install it (Debian: apt-get install openjdk-17-jre-headless)", err)
	}
	return path, nil
}

// archiveName is the file, beside the jars, in which Java finds the classes of a broker loaded and verified (AppCDS): with
// it a broker starts in half the time. Another Java than the one that wrote it does without.
const archiveName = "classes.jsa"

// java is how Kafka's programs are run.
type java struct {
	path string
	// classpath names all jars in one order: Java uses the archive for the classpath alone with which it was written.
	classpath string
	logging   string // a file
	// archive is an option of Java: which one it reads or writes.
	archive string
}

// newJava is Kafka as fetch has left it in the folder home.
func newJava(home, dir string) (java, error) {
	path, err := FindJava()
	if err != nil {
		return java{}, err
	}
	jars, err := filepath.Glob(filepath.Join(home, "*.jar"))
	if err != nil || len(jars) == 0 {
		return java{}, fmt.Errorf("there is no Kafka in %s; fetch it: go run parley/internal/e2e/kafka/fetch", home)
	}
	slices.Sort(jars)
	j := java{
		path:      path,
		classpath: strings.Join(jars, string(filepath.ListSeparator)),
		logging:   filepath.Join(dir, "log4j2.properties"),
		archive:   "-XX:SharedArchiveFile=" + filepath.Join(home, archiveName),
	}
	if err := os.WriteFile(j.logging, logging, 0o600); err != nil {
		return java{}, fmt.Errorf("write logging configuration: %w", err)
	}
	return j, nil
}

// options come before the name of a class: a small heap, and code that is compiled soon rather than well.
func (j java) options() []string {
	return []string{
		"-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:cds=off", j.archive,
		"-Djava.awt.headless=true", "-Dlog4j2.configurationFile=" + j.logging, "-cp", j.classpath,
	}
}
