// Fetch puts real Kafka where the tests look for it and prints the folder. make e2e runs it:
//
//	go run parley/internal/e2e/kafka/fetch
//
// Maven downloads the jars once, so that Maven's own configuration says from where, and verifies their checksums. Then a
// broker runs for a moment, for what Java learns of its classes. What is already there is left as it is. Several fetches at a
// time do not disturb each other.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"parley/internal/e2e/kafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	home, err := fetch(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch Kafka:", err)
		fmt.Fprintln(os.Stderr, "Nothing was tested on real Kafka.")
		os.Exit(1)
	}
	fmt.Println(home)
}

// fetch returns the folder, after downloading Kafka if need be.
func fetch(ctx context.Context) (string, error) {
	if _, err := kafka.FindJava(); err != nil {
		return "", err
	}
	home, err := kafka.Folder()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(home); errors.Is(err, fs.ErrNotExist) {
		if err := download(ctx, home); err != nil {
			return "", err
		}
	}
	return home, kafka.WriteArchive(ctx, home)
}

// plugin is Maven's, which copies what a POM depends on.
const plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// download makes the folder home, with the jars.
func download(ctx context.Context, home string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("it takes Maven to download it: %w; install it (Debian: apt-get install maven)", err)
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return fmt.Errorf("make cache folder: %w", err)
	}
	// On the same file system as the result, which appears whole by renaming.
	work, err := os.MkdirTemp(filepath.Dir(home), ".fetch-kafka-")
	if err != nil {
		return fmt.Errorf("make work folder: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), kafka.POM, 0o600); err != nil {
		return fmt.Errorf("write pom.xml: %w", err)
	}
	var out bytes.Buffer
	// Strict checksums: a file that has not the one that its repository says is an error.
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--no-transfer-progress", "--strict-checksums", plugin, "-DoutputDirectory=jars")
	cmd.Dir, cmd.Stdout, cmd.Stderr = work, &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mvn %s: %w: %s", plugin, err, bytes.TrimSpace(out.Bytes()))
	}
	if err := os.Rename(filepath.Join(work, "jars"), home); err != nil && !errors.Is(err, fs.ErrExist) { // another was quicker
		return fmt.Errorf("put Kafka in place: %w", err)
	}
	return nil
}
