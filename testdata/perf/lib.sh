# shellcheck shell=bash disable=SC2034 # the scripts that source it use its variables
# Sourced by compare.sh and peers.sh: processes, load, CPU and memory.
#
# Two proxies are loaded at the same moment on the same core, each by a wrk of
# its own, so that whatever else the machine does hits both alike: trust the
# ratio, not the microseconds. The backend and the load have the other core.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rounds=${ROUNDS:-5} each=${SECONDS_EACH:-4} connections=${CONNECTIONS:-32}
port=${PORT:-19480}      # the first of those used
load_core=0 proxy_core=1 # 0 and 1 exist wherever there are two

fail() {
	echo "${0##*/}: $*" >&2
	exit 1
}

needs() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || fail "$tool is missing"
	done
	[ "$(nproc)" -ge 2 ] || fail "this takes two cores"
}

# However this script ends, so does all that it started: by end, or where that
# cannot run, by pdeathsig; and the folder goes when nobody holds $alive any more.
tmp=$(mktemp -d)
exec {alive}> >(trap '' INT TERM HUP; cat >/dev/null; rm -rf "$tmp")
cleaner=$!
end() {
	trap '' EXIT INT TERM HUP
	# shellcheck disable=SC2046 # one word for each
	kill $(jobs -p) 2>/dev/null || true
	for _ in $(seq 50); do
		[ -z "$(jobs -pr)" ] && break
		sleep 0.1
	done
	# shellcheck disable=SC2046
	kill -KILL $(jobs -pr) 2>/dev/null || true
	exec {alive}>&-
	wait $cleaner 2>/dev/null || true
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
ulimit -Sn 4096 2>/dev/null || true # some connect 512 times on either side

# build name package: into $tmp/name, as the released program is built.
build() { CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$tmp/$1" "$2"; }

declare -A pid address adds_token
at() { echo "127.0.0.1:$((port + $1))"; }
listens() { (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null; }

# start name core address command...: runs it until it is stopped or this script
# ends, and waits until it answers. A taken port is refused: some servers would
# share it, and half of the load would go elsewhere.
start() {
	local name=$1 core=$2 where=$3
	shift 3
	listens "$where" && fail "$where is taken: set PORT"
	setpriv --pdeathsig TERM taskset -c "$core" "$@" >"$tmp/$name.log" 2>&1 &
	pid[$name]=$! address[$name]=$where
	for _ in $(seq 100); do
		kill -0 "${pid[$name]}" 2>/dev/null || break
		listens "$where" && return
		sleep 0.05
	done
	cat "$tmp/$name.log" >&2
	fail "$name does not answer at $where"
}

stop() {
	kill "${pid[$1]}"
	wait "${pid[$1]}" 2>/dev/null || true
	unset "pid[$1]"
}

# tree pid: it and its children.
tree() {
	echo "$1"
	local child
	for child in $(cat "/proc/$1/task/"*/children); do tree "$child"; done
}

# cpu name: nanoseconds that its threads have run. Threads that ended are not
# counted; those of the proxies do not end.
cpu() {
	local p
	for p in $(tree "${pid[$1]}"); do cat "/proc/$p/task/"*/schedstat; done | awk '{ns += $1} END {printf "%.0f", ns}'
}

key=perf-0123456789abcdef
token=$(printf '0%.0s' $(seq 157)) # as long as WeChat's
info="/cgi-bin/user/info?openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M&lang=zh_CN"
send="/cgi-bin/message/custom/send?from=perf"
large="/cgi-bin/media/get?media_id=x"

# start_proxy address admin-address upstream: this project's proxy. It has a client
# key, as it should, and logs errors only.
start_proxy() {
	WECHAT_APP_ID=wx0123456789abcdef WECHAT_APP_SECRET=0123456789abcdef0123456789abcdef WECHAT_UPSTREAMS=$3 \
		PROXY_LISTEN=$1 PROXY_ADMIN_LISTEN=$2 PROXY_CLIENT_KEY=$key PROXY_LOG_LEVEL=error PROXY_LOG_FORMAT=json \
		start proxy $proxy_core "$1" "$tmp/proxy"
	adds_token[proxy]=yes
}

# load name path body-bytes: what wrk tells is in $tmp/NAME.out. Where the proxy
# adds no token, the load carries one.
load() {
	local path=$2 with='' large_answers=''
	[ -n "${adds_token[$1]:-}" ] || path="$2&access_token=$token"
	[ "$1" = proxy ] && with=$key
	[ "$2" = "$large" ] && large_answers=yes
	KEY=$with BODY=$3 LARGE=$large_answers exec setpriv --pdeathsig TERM taskset -c $load_core \
		wrk -t1 -c"$connections" -d"${each}s" --timeout 10s -s testdata/perf/load.lua "http://${address[$1]}$path" >"$tmp/$1.out" 2>&1
}

# calls name: how many its last load made, all of them with success.
calls() {
	if grep -q FAILED "$tmp/$1.out" || ! grep -q '^CALLS [1-9]' "$tmp/$1.out"; then
		cat "$tmp/$1.out" >&2
		fail "calls to $1 failed"
	fi
	awk '/^CALLS/ {print $2}' "$tmp/$1.out"
}

# pairs reference name path body-bytes: loads both, round by round. Of the CPU per
# call, $ratio is the median of the ratios, name to reference, $lowest and
# $highest are the ends of their range, $own and $other the microseconds of name
# and of reference in the median's round.
pairs() {
	: >"$tmp/ratios"
	local round r0 n0 r1 n1 first second of_reference of_name
	for round in $(seq 0 "$rounds"); do
		r0=$(cpu "$1") n0=$(cpu "$2")
		load "$1" "$3" "$4" &
		first=$!
		load "$2" "$3" "$4" &
		second=$!
		wait $first || true # calls looks at what it wrote
		wait $second || true
		r1=$(cpu "$1") n1=$(cpu "$2")
		of_reference=$(calls "$1")
		of_name=$(calls "$2")
		[ "$round" = 0 ] && continue # warming up
		awk -v r=$((r1 - r0)) -v n=$((n1 - n0)) -v rc="$of_reference" -v nc="$of_name" \
			'BEGIN {printf "%.3f %.1f %.1f\n", (n/nc) / (r/rc), n/nc/1000, r/rc/1000}' >>"$tmp/ratios"
	done
	read -r ratio lowest highest own other < <(sort -n "$tmp/ratios" | awk '
		{ratio[NR] = $1; own[NR] = $2; other[NR] = $3}
		END {m = int((NR + 1) / 2); print ratio[m], ratio[1], ratio[NR], own[m], other[m]}')
}
