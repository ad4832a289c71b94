#!/usr/bin/env bash
# CPU time per call: this proxy against a tuned bare httputil.ReverseProxy.
#
# Both are loaded at the same moment on the same core, each by a wrk of its own,
# so that whatever else the machine does hits both alike: trust the ratio, not
# the microseconds. The backend and the load have the other cores.
#
#   testdata/perf/compare.sh [get|post|64k|1m|self ...]     Linux, wrk, 2 cores
#   ROUNDS=5 SECONDS_EACH=4 CONNECTIONS=32
#
# self compares the bare proxy with itself: how far to trust the rest.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-5} each=${SECONDS_EACH:-4} connections=${CONNECTIONS:-32}
for tool in wrk taskset go; do
	command -v "$tool" >/dev/null || { echo "compare.sh needs $tool" >&2; exit 1; }
done

tmp=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$tmp"' EXIT
go build -o "$tmp/backend" ./testdata/perf/backend
go build -o "$tmp/bare" ./testdata/perf/bare
go build -o "$tmp/proxy" .

backend=127.0.0.1:19480 bare=127.0.0.1:19481 again=127.0.0.1:19482 proxy=127.0.0.1:19483 admin=127.0.0.1:19484
load_core=0 proxy_core=1 # 0 and 1 exist wherever there are two

# start name core command...: runs it until this script ends; its pid is in $pid.
start() {
	local name=$1 core=$2
	shift 2
	taskset -c "$core" "$@" >"$tmp/$name.log" 2>&1 &
	pid=$!
	pids+=("$pid")
}

# answers address: waits until it does.
answers() {
	for _ in $(seq 100); do
		(exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null && return
		sleep 0.05
	done
	echo "nobody answers at $1" >&2
	cat "$tmp"/*.log >&2
	exit 1
}

start backend $load_core "$tmp/backend" $backend
start bare $proxy_core "$tmp/bare" $bare http://$backend
bare_pid=$pid
start again $proxy_core "$tmp/bare" $again http://$backend
again_pid=$pid
# The log is written, as JSON, to where it costs no disk.
WECHAT_APP_ID=wx0123456789abcdef WECHAT_APP_SECRET=0123456789abcdef0123456789abcdef WECHAT_UPSTREAMS=http://$backend \
	PROXY_LISTEN=$proxy PROXY_ADMIN_LISTEN=$admin PROXY_LOG_FORMAT=json \
	start proxy $proxy_core sh -c 'exec "$0" 2>/dev/null' "$tmp/proxy"
proxy_pid=$pid
for address in $backend $bare $again $proxy; do answers $address; done

# cpu pid: nanoseconds that its threads have run. Threads that ended are not
# counted; Go's do not end.
cpu() { cat /proc/"$1"/task/*/schedstat | awk '{ns += $1} END {printf "%.0f", ns}'; }

cat >"$tmp/load.lua" <<'LUA'
wrk.headers["User-Agent"] = "perf/1"
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Language"] = "zh-CN"
local n = tonumber(os.getenv("BODY"))
if n > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = '{"touser":"OPENID","text":"' .. string.rep("x", n) .. '"}'
end
-- A proxy that refuses everything would look fast.
function done(summary)
  local e = summary.errors
  if e.status + e.connect + e.read + e.write + e.timeout > 0 then io.write("FAILED\n") end
  io.write("CALLS ", summary.requests, "\n")
end
LUA

# load address path body-bytes file
load() {
	BODY=$3 taskset -c $load_core wrk -t1 -c"$connections" -d"${each}s" -s "$tmp/load.lua" "http://$1$2" >"$4"
}

calls() {
	if grep -q FAILED "$1"; then
		echo "calls failed:" >&2
		cat "$1" >&2
		exit 1
	fi
	awk '/^CALLS/ {print $2}' "$1"
}

token=$(printf '0%.0s' $(seq 157)) # as long as WeChat's

# compare name address pid path body-bytes: prints the median of the ratios.
compare() {
	local name=$1 address=$2 pid=$3 path=$4 body=$5 own=$4
	local with="$path&access_token=$token"
	[ "$name" = self ] && own=$with
	: >"$tmp/ratios"
	for round in $(seq 0 "$rounds"); do
		local b0 p0 b1 p1
		b0=$(cpu "$bare_pid") p0=$(cpu "$pid")
		load $bare "$with" "$body" "$tmp/bare.out" &
		local other=$!
		load "$address" "$own" "$body" "$tmp/own.out"
		wait $other
		b1=$(cpu "$bare_pid") p1=$(cpu "$pid")
		[ "$round" = 0 ] && continue # warming up
		awk -v b=$((b1 - b0)) -v p=$((p1 - p0)) -v nb="$(calls "$tmp/bare.out")" -v np="$(calls "$tmp/own.out")" \
			'BEGIN {printf "%.3f %.1f %.1f\n", (p/np) / (b/nb), p/np/1000, b/nb/1000}' >>"$tmp/ratios"
	done
	sort -n "$tmp/ratios" | awk -v name="$name" '
		{r[NR] = $1; own[NR] = $2; bare[NR] = $3}
		END {m = int((NR + 1) / 2); printf "%-5s ratio %.3f (%.3f to %.3f in %d rounds), about %.0f against %.0f CPU us per call\n", name, r[m], r[1], r[NR], NR, own[m], bare[m]}'
}

info="/cgi-bin/user/info?openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M&lang=zh_CN"
send="/cgi-bin/message/custom/send?from=perf"
for name in "${@:-get}"; do
	case $name in
	self) compare self $again "$again_pid" "$info" 0 ;;
	get) compare get $proxy "$proxy_pid" "$info" 0 ;;
	post) compare post $proxy "$proxy_pid" "$send" 1000 ;;
	64k) compare 64k $proxy "$proxy_pid" "$send" 65500 ;;
	1m) compare 1m $proxy "$proxy_pid" "/cgi-bin/media/get?media_id=x" 0 ;;
	*)
		echo "there is no $name: get, post, 64k, 1m, self" >&2
		exit 2
		;;
	esac
done
