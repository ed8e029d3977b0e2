#!/usr/bin/env bash
# Has readers that know nothing of Parley read its Parquet: a parley serve of its own takes the samples, and what it extracts as
# parquet is compared with what it extracts as jsonl; so are the golden files. Usage: run.sh PROGRAM CACHE; make parquet calls it.
set -euo pipefail
program=$(realpath "$1")
cache=$2
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../../..")
. "$here/../python.sh"

install parquet "$here" "$cache" "pyarrow and DuckDB"
serve "$program"
PARLEY_URL=$(address)
export PARLEY_URL

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
