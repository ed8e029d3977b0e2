#!/usr/bin/env bash
# Has public clients of the partner API, as their registries have them, tell the story of a team that moves to Parley, with a parley serve
# of its own that asks for keys: fuel-soap, sfmc-sdk and @marketing-cloud/soap (Node.js), zeep and FuelSDK (Python), and one that
# JAX-WS makes of our WSDL (Java). So have the examples of docs/exacttarget.md.
# Usage: run.sh PROGRAM CACHE [CLIENT...]; make soap-clients calls it. A CLIENT is node, zeep, fuelsdk, java or page; none: all.
set -euo pipefail
program=$(realpath "$1")
cache=$(realpath --canonicalize-missing "$2")/soap-clients
shift 2
here=$(dirname "$(realpath "$0")")
. "$here/../python.sh"

needs() {
	command -v "$1" >/dev/null || {
		echo "soap-clients needs $1 ($2)" >&2
		exit 1
	}
}

told() { printf '\n== %s\n' "$*"; }

# modules installs the clients of Node.js in $modules.
modules() {
	needs node "Node.js 20 or later"
	needs npm "it comes with Node.js"
	modules=$cache/node
	mkdir -p "$modules"
	! cmp --silent "$here/node/package-lock.json" "$modules/package-lock.json" || return 0
	echo "installing the clients in $modules"
	cp "$here"/node/package*.json "$modules"
	(cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || {
		rm "$modules/package-lock.json"
		echo "soap-clients could not install the clients of Node.js; npm needs to reach a registry" >&2
		exit 1
	}
}

node() {
	modules
	cp "$here"/node/*.mjs "$modules"
	told "fuel-soap, sfmc-sdk and @marketing-cloud/soap in Node.js"
	(cd "$modules" && command node --test --test-reporter=spec ./*.test.mjs)
}

# tests FOLDER has the virtual environment run what is in it.
tests() { PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here "$venv/bin/python" -W ignore -m unittest discover --start-directory "$here/$1"; }

zeep() {
	install zeep "$here/zeep" "$cache" zeep
	told "zeep in Python"
	tests zeep
}

# FuelSDK is built on a version of suds that setuptools of 2021 can install, and Python from 3.12 on has no use for that one.
fuelsdk() {
	if python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
		told "NOT DONE: FuelSDK-Python, which Python from 3.12 on cannot install"
		return
	fi
	PIP_CONSTRAINT=$here/fuelsdk/build.txt PIP_BUILD_CONSTRAINT=$here/fuelsdk/build.txt install fuelsdk "$here/fuelsdk" "$cache" FuelSDK
	told "FuelSDK in Python"
	tests fuelsdk
}

java() {
	needs java "17 or later"
	needs mvn "Maven 3"
	cp -r "$here/java" "$dir"
	told "a client of JAX-WS, made of our WSDL, in Java"
	(cd "$dir/java" && mvn --quiet --batch-mode --no-transfer-progress --strict-checksums "-Dwsdl=$PARLEY_URL/etframework.wsdl" compile exec:java)
}

# examples LANGUAGE are the examples of the page in it, each with a line of "----" behind it.
examples() { awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```$/ && on { on = 0; print "----" } on' "$here/../../../docs/exacttarget.md"; }

page() {
	needs curl "any version"
	modules
	install zeep "$here/zeep" "$cache" zeep
	told "the examples of docs/exacttarget.md"
	local language example line
	for language in sh js python; do
		example=
		while IFS= read -r line; do
			if [ "$line" != ---- ]; then
				example+=$line$'\n'
				continue
			fi
			case $language in
				sh) timeout 60 bash -euo pipefail -c "$example" ;;
				js) (cd "$modules" && command node --input-type=module --eval "$example") | grep '^OK ' ;;
				python) "$venv/bin/python" -c "$example" | grep '^OK ' ;;
			esac
			example=
		done < <(examples "$language")
	done
}

serve "$program" PARLEY_AUTH=keys
PARLEY_URL=$(address)
brokers=$(sed -n 's/.*"kafka":"\([^"]*\)".*/\1/p' <<<"$ready")
keys() { PARLEY_KAFKA_BROKERS=$brokers "$program" keys "$@" 2>>"$dir/keys.log"; }
id() { cut -d_ -f2 <<<"$1"; }
PARLEY_KEY=$(keys create soap)
PARLEY_KEY_ID=$(id "$PARLEY_KEY")
PARLEY_REVOKED_KEY=$(keys create soap)
keys revoke "$(id "$PARLEY_REVOKED_KEY")" >/dev/null
export PARLEY_URL PARLEY_KEY PARLEY_KEY_ID PARLEY_REVOKED_KEY

[ $# -gt 0 ] || set -- node zeep fuelsdk java page
for client; do
	"$client"
done
# A fault of ours may hide behind an answer that a client puts up with.
if grep -q '"level":"ERROR"' "$dir/serve.log"; then
	echo "the log of parley serve has errors:" >&2
	grep '"level":"ERROR"' "$dir/serve.log" | head -20 >&2
	exit 1
fi
