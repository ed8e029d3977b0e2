#!/usr/bin/env bash
# Has readers that know nothing of Parley read its Parquet: a parley serve of its own, on free ports and in a folder that is
# removed afterwards, takes the samples, and what it extracts as parquet is compared with what it extracts as jsonl; so are the
# golden files. Usage: run.sh PROGRAM CACHE; make parquet calls it.
set -euo pipefail
program=$(realpath "$1")
venv=$(realpath --canonicalize-missing "$2")/parquet
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../../..")

python3 -c 'import ensurepip, venv' 2>/dev/null || {
	echo "parquet needs python3 with its modules venv and ensurepip (Debian: apt-get install python3-venv)" >&2
	exit 1
}
if ! cmp --silent "$here/requirements.txt" "$venv/installed.txt"; then
	echo "installing pyarrow and DuckDB in $venv"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" || {
		echo "parquet could not install pyarrow and DuckDB; pip needs to reach a package index" >&2
		exit 1
	}
	cp "$here/requirements.txt" "$venv/installed.txt"
fi

dir=$(mktemp -d)
serve=
cleanup() {
	[ -z "$serve" ] || { kill "$serve" 2>/dev/null && wait "$serve" || true; }
	rm -rf "$dir"
}
trap cleanup EXIT

env -i PATH="$PATH" HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-}" PARLEY_CHDB_LIB="${PARLEY_CHDB_LIB:-}" PARLEY_DATA_DIR="$dir/data" PARLEY_LOG_FORMAT=json \
	PARLEY_HTTP_ADDR=127.0.0.1:0 PARLEY_BACKEND_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_KAFKA_ADDR=127.0.0.1:0 \
	PARLEY_EMBEDDED_CLICKHOUSE_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR=127.0.0.1:0 \
	"$program" serve >"$dir/serve.log" 2>&1 &
serve=$!
url=
for _ in $(seq 300); do
	url=$(sed -n 's/.*"msg":"ready","http":"\([^"]*\)".*/\1/p' "$dir/serve.log")
	[ -z "$url" ] || break
	kill -0 "$serve" 2>/dev/null || break
	sleep 0.1
done
[ -n "$url" ] || {
	cat "$dir/serve.log" >&2
	echo "parley serve does not get ready" >&2
	exit 1
}

export PARLEY_URL=$url
"$program" submit "$root/deploy/samples/orders.ndjson"
cursor=
for _ in $(seq 100); do
	cursor=$("$program" extract -o "$dir/results.jsonl" | sed -n 's/^next cursor //p')
	[ "$(wc -l <"$dir/results.jsonl")" -lt 1000 ] || break # there are thousands, some of which take their time
	sleep 0.3
done
"$program" extract -o "$dir/results.parquet" --until "$cursor"

cd "$dir"
"$venv/bin/python" "$here/check.py" results.parquet results.jsonl
"$venv/bin/python" "$here/check.py" "$root/results/extract/testdata/all.parquet" "$root/results/extract/testdata/all.jsonl"
