#!/usr/bin/env bash
# Has the Python clients of ClickHouse, clickhouse-connect over HTTP and clickhouse-driver over the native protocol, use the
# embedded engine of a parley serve of its own, on free ports and in a folder that is removed afterwards.
# Usage: run.sh PROGRAM CACHE [unittest options]; make clickhouse-clients calls it.
set -euo pipefail
program=$(realpath "$1")
venv=$(realpath --canonicalize-missing "$2")/clickhouse-clients
shift 2
here=$(dirname "$(realpath "$0")")

python3 -c 'import ensurepip, venv' 2>/dev/null || {
	echo "clickhouse-clients needs python3 with its modules venv and ensurepip (Debian: apt-get install python3-venv)" >&2
	exit 1
}
if ! cmp --silent "$here/requirements.txt" "$venv/installed.txt"; then
	echo "installing the clients in $venv"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" || {
		echo "clickhouse-clients could not install the clients; pip needs to reach a package index" >&2
		exit 1
	}
	cp "$here/requirements.txt" "$venv/installed.txt"
fi

dir=$(mktemp -d)
serve=
finish() {
	if [ -n "$serve" ]; then
		kill "$serve" 2>/dev/null || true
		wait "$serve" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap finish EXIT

env -i PATH="$PATH" HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-}" PARLEY_CHDB_LIB="${PARLEY_CHDB_LIB:-}" PARLEY_DATA_DIR="$dir/data" PARLEY_LOG_FORMAT=json \
	PARLEY_HTTP_ADDR=127.0.0.1:0 PARLEY_BACKEND_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_KAFKA_ADDR=127.0.0.1:0 \
	PARLEY_EMBEDDED_CLICKHOUSE_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR=127.0.0.1:0 \
	"$program" serve >"$dir/serve.log" 2>&1 &
serve=$!
ready=
for _ in $(seq 300); do
	ready=$(grep '"msg":"ready"' "$dir/serve.log" || true)
	[ -z "$ready" ] || break
	kill -0 "$serve" 2>/dev/null || break
	sleep 0.1
done
[ -n "$ready" ] || {
	cat "$dir/serve.log" >&2
	echo "parley serve does not get ready" >&2
	exit 1
}
PARLEY_READY=$ready "$venv/bin/python" -m unittest discover --start-directory "$here" "$@"
