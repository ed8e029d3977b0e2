#!/usr/bin/env bash
# Fuzzes the HTTP interface against its own OpenAPI document: a parley serve of its own, on free ports and in a folder
# that is removed afterwards, is sent what the document allows and what it forbids, and each answer must be documented.
# Usage: run.sh PROGRAM CACHE [schemathesis options]; make fuzz-api calls it.
set -euo pipefail
program=$(realpath "$1")
venv=$(realpath --canonicalize-missing "$2")/fuzz-api
shift 2
here=$(dirname "$(realpath "$0")")

python3 -c 'import ensurepip, venv' 2>/dev/null || {
	echo "fuzz-api needs python3 with its modules venv and ensurepip (Debian: apt-get install python3-venv)" >&2
	exit 1
}
if ! cmp --silent "$here/requirements.txt" "$venv/installed.txt"; then
	echo "installing schemathesis in $venv"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" || {
		echo "fuzz-api could not install schemathesis; pip needs to reach a package index" >&2
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

# No wait outlasts the patience of the fuzzer.
env -i PATH="$PATH" HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-}" PARLEY_CHDB_LIB="${PARLEY_CHDB_LIB:-}" PARLEY_DATA_DIR="$dir/data" PARLEY_LOG_FORMAT=json \
	PARLEY_HTTP_ADDR=127.0.0.1:0 PARLEY_BACKEND_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_KAFKA_ADDR=127.0.0.1:0 \
	PARLEY_EMBEDDED_CLICKHOUSE_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR=127.0.0.1:0 PARLEY_WAIT_MAX=1s PARLEY_SYNCHRONOUS_WAIT=1s \
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

cd "$dir"
status=0
"$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run --url "$url" --generation-database none "$@" "$url/openapi.yaml" |
	cut -c1-2000 || status=$? # a request may have a megabyte
# A fault of ours may hide behind an answer that is documented.
if grep -q '"level":"ERROR"' "$dir/serve.log"; then
	echo "the log of parley serve has errors:" >&2
	grep '"level":"ERROR"' "$dir/serve.log" | head -20 >&2
	status=1
fi
exit "$status"
