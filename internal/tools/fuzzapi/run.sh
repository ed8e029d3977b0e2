#!/usr/bin/env bash
# Fuzzes the HTTP interface against its own OpenAPI document: a parley serve of its own is sent what the document allows and
# what it forbids, and each answer must be documented.
# Usage: run.sh PROGRAM CACHE [schemathesis options]; make fuzz-api calls it.
set -euo pipefail
program=$(realpath "$1")
cache=$2
shift 2
here=$(dirname "$(realpath "$0")")
. "$here/../python.sh"

install fuzz-api "$here" "$cache" schemathesis
# No wait outlasts the patience of the fuzzer.
serve "$program" PARLEY_WAIT_MAX=1s PARLEY_SYNCHRONOUS_WAIT=1s
url=$(address)

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
