// Command gen writes the sample data to standard output:
//
//	go run ./internal/samples/gen > deploy/samples/orders.ndjson
package main

import (
	"fmt"
	"os"

	"parley/internal/samples"
)

func main() {
	if _, err := samples.Generate(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
