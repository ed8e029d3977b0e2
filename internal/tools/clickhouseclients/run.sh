#!/usr/bin/env bash
# Has the Python clients of ClickHouse, clickhouse-connect over HTTP and clickhouse-driver over the native protocol, use the
# embedded engine of a parley serve of its own.
# Usage: run.sh PROGRAM CACHE [unittest options]; make clickhouse-clients calls it.
set -euo pipefail
program=$(realpath "$1")
cache=$2
shift 2
here=$(dirname "$(realpath "$0")")
. "$here/../python.sh"

install clickhouse-clients "$here" "$cache" "the clients"
serve "$program"
PARLEY_READY=$ready "$venv/bin/python" -m unittest discover --start-directory "$here" "$@"
