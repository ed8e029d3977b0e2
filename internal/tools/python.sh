# What the tools in Python have in common. They source it: a virtual environment, and a parley serve of their own, on free
# ports and in a folder that is removed afterwards.

# install NAME FOLDER CACHE WHAT makes the virtual environment CACHE/NAME, $venv, with what FOLDER/requirements.txt names, and
# says WHAT that is.
install() {
	local name=$1 requirements=$2/requirements.txt what=$4
	venv=$(realpath --canonicalize-missing "$3")/$name
	python3 -c 'import ensurepip, venv' 2>/dev/null || {
		echo "$name needs python3 with its modules venv and ensurepip (Debian: apt-get install python3-venv)" >&2
		exit 1
	}
	! cmp --silent "$requirements" "$venv/installed.txt" || return 0
	echo "installing $what in $venv"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" || {
		echo "$name could not install $what; pip needs to reach a package index" >&2
		exit 1
	}
	cp "$requirements" "$venv/installed.txt"
}

# serve PROGRAM [SETTING=VALUE...] starts a parley serve in the folder $dir, its log in $dir/serve.log, and sets $ready to the
# line that says where it listens. It ends with the shell.
serve() {
	local program=$1
	shift
	dir=$(mktemp -d)
	serving=
	trap finish EXIT
	env -i PATH="$PATH" HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-}" PARLEY_CHDB_LIB="${PARLEY_CHDB_LIB:-}" PARLEY_DATA_DIR="$dir/data" PARLEY_LOG_FORMAT=json \
		PARLEY_HTTP_ADDR=127.0.0.1:0 PARLEY_BACKEND_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_KAFKA_ADDR=127.0.0.1:0 \
		PARLEY_EMBEDDED_CLICKHOUSE_ADDR=127.0.0.1:0 PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR=127.0.0.1:0 "$@" \
		"$program" serve >"$dir/serve.log" 2>&1 &
	serving=$!
	ready=
	for _ in $(seq 300); do
		ready=$(grep '"msg":"ready"' "$dir/serve.log" || true)
		[ -z "$ready" ] || return 0
		kill -0 "$serving" 2>/dev/null || break
		sleep 0.1
	done
	cat "$dir/serve.log" >&2
	echo "parley serve does not get ready" >&2
	exit 1
}

# address prints where the parley serve listens for HTTP.
address() { sed -n 's/.*"msg":"ready","http":"\([^"]*\)".*/\1/p' <<<"$ready"; }

finish() {
	if [ -n "$serving" ]; then
		kill "$serving" 2>/dev/null || true
		wait "$serving" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
