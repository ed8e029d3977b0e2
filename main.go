// Parley accepts API calls, acknowledges them at once, keeps the calls of one conversation in order, carries them
// out, and streams every result into ClickHouse. See README.md.
package main

import (
	"os"

	"parley/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
