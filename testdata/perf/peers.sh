#!/usr/bin/env bash
# What this proxy costs next to others, as docs/performance.md explains and
# shows: without arguments the table there is written anew.
#
#   testdata/perf/peers.sh [nginx|haproxy|caddy|tuned|untuned|self|silence|dead ...]
#   ROUNDS=7 SECONDS_EACH=4 CONNECTIONS=32 SILENCE=60s PORT=19480
#
# It takes Debian, Go and 2 cores, and about 12 minutes.
ROUNDS=${ROUNDS:-7}
# shellcheck source=testdata/perf/lib.sh
. "$(dirname "$0")/lib.sh"
. testdata/perf/references.sh
page=docs/performance.md
from='<!-- figures: written by make bench-peers -->' to='<!-- end of the figures -->'

chosen=("$@")
if (($# == 0)); then
	chosen=(nginx haproxy caddy tuned untuned self silence dead)
	[ "$(grep -cxF -e "$from" -e "$to" $page)" = 2 ] || fail "$page has no place for the table: two lines, $from and $to"
fi
wanted=(wrk)
for name in "${chosen[@]}"; do
	case $name in
	nginx | haproxy | caddy) wanted+=("$name") ;;
	tuned | untuned | self | silence | dead) ;;
	*) fail "there is no $name: nginx, haproxy, caddy, tuned, untuned, self, silence, dead" ;;
	esac
done
get "${wanted[@]}"
needs wrk taskset setpriv go
for program in backend bare far burst; do build $program ./testdata/perf/$program; done
build proxy .

# row next-to call ratio range microseconds [memory]: a line of the table.
row() { echo "| $1 | $2 | $3 | $4 | $5 | ${6:-| |} |" >>"$tmp/rows"; }

# resident name: RSS and PSS of it and its children, in MiB.
resident() {
	local p
	for p in $(tree "${pid[$1]}"); do cat "/proc/$p/status" "/proc/$p/smaps_rollup"; done |
		awk '/^VmRSS:/ {rss += $2} /^Pss:/ {pss += $2} END {printf "%.1f %.1f\n", rss / 1024, pss / 1024}'
}

# memory name: $memory is what it has, started just now, idle and with 64 and
# 512 busy connections: the most that was seen.
memory() {
	sleep 1
	memory=$(resident "$1" | awk '{print $1 " / " $2}')
	local busy loading
	for busy in 64 512; do
		connections=$busy each=3 load "$1" "$info" 0 &
		loading=$!
		sleep 1
		: >"$tmp/samples"
		while kill -0 $loading 2>/dev/null; do
			resident "$1" >>"$tmp/samples"
			sleep 0.2
		done
		wait $loading || true
		calls "$1" >/dev/null
		memory+=" | $(awk '$1 > rss {rss = $1} $2 > pss {pss = $2} END {print rss " / " pss}' "$tmp/samples")"
	done
}

# rows reference name label memory: both calls.
rows() {
	pairs "$1" "$2" "$info" 0
	row "$3" GET "$(two "$ratio")" "$(two "$lowest") to $(two "$highest")" "$own, $other" "$4"
	pairs "$1" "$2" "$send" 1000
	row '' 'POST, 1 KiB' "$(two "$ratio")" "$(two "$lowest") to $(two "$highest")" "$own, $other"
}

two() { printf %.2f "$1"; } # digits

against() {
	local label
	case $1 in
	nginx | haproxy) label="$1 $(version "$1")" ;;
	caddy) label="Caddy $(version caddy)" ;;
	tuned) label='bare ReverseProxy, tuned' ;;
	untuned) label='bare ReverseProxy, untuned' ;;
	self) label='the tuned one, against itself' ;;
	esac
	echo "$label" >&2
	"start_$1" "$(at 3)" "$(at 0)"
	if [ "$1" = self ]; then
		start_tuned "$(at 4)" "$(at 0)"
		rows tuned self "$label" ''
		stop tuned
	else
		memory "$1"
		rows "$1" proxy "$label" "$memory"
	fi
	stop "$1"
}

# bursts silence|dead flag...: what burst tells is in $tmp/burst.out.
bursts() {
	local what=$1
	shift
	echo "$what" >&2
	setpriv --pdeathsig TERM taskset -c $load_core "$tmp/burst" -proxy "$(at 1)" -key "$key" "$@" "$what" >"$tmp/burst.out" 2>&1 &
	wait $! || fail "burst $what: $(cat "$tmp/burst.out")"
}

silence() {
	start far $load_core "$(at 5)" "$tmp/far" -listen "$(at 5)" -rtt 30ms -ca "$tmp/far.pem"
	SSL_CERT_FILE=$tmp/far.pem PROXY_WARM_CONNECTIONS=64 start_proxy "$(at 1)" "$(at 2)" "https://$(at 5)"
	bursts silence -rtt 30ms -silence "${SILENCE:-60s}"
	local round p50 p99 most
	while read -r _ _ round _ p50 _ p99 _ most _; do
		row "50 calls at once after ${SILENCE:-60s} of silence, 30 ms away" "round ${round%:}" "p50 $p50 round trips" "p99 $p99, max $most" ''
	done <"$tmp/burst.out"
	stop proxy
	stop far
}

dead() {
	start far $load_core "$(at 5)" "$tmp/far" -listen "$(at 5)" -rtt 0
	PROXY_WARM_CONNECTIONS=64 start_proxy "$(at 1)" "$(at 2)" "http://$(at 5)"
	bursts dead -far "$(at 5)"
	local median range lost good fetches
	read -r median lost good range fetches < <(sed -nE 's/^dead median: ratio (\S+) dead (\S+) ms plain (\S+) ms.* ratios (\S+) to (\S+) in .* by round (.*)/\1 \2 \3 \4_to_\5 \6/p' "$tmp/burst.out") ||
		fail "burst dead told no median: $(cat "$tmp/burst.out")"
	row '1,000 calls at once on a dead token, and on a good one' "token fetches: ${fetches// /, }" "$median" "${range//_/ }" "$lost ms, $good ms in all"
	stop proxy
	stop far
}

# others: how busy the machine is while nothing of ours runs, in percent.
others() {
	local before
	before=$(head -n 1 /proc/stat)
	sleep 3
	printf '%s\n' "$before" "$(head -n 1 /proc/stat)" | awk '
		{all = 0; for (i = 2; i <= 9; i++) all += $i; idle = $5 + $6}
		NR == 1 {all0 = all; idle0 = idle}
		END {printf "%.0f", 100 * (1 - (idle - idle0) / (all - all0))}'
}

others_before=$(others)
start backend $load_core "$(at 0)" "$tmp/backend" "$(at 0)"
start_proxy "$(at 1)" "$(at 2)" "http://$(at 0)"
echo 'this proxy' >&2
memory proxy
row 'this proxy' '' '' '' '' "$memory"
for name in "${chosen[@]}"; do
	case $name in
	silence | dead) ;;
	*) against "$name" ;;
	esac
done
stop proxy
for name in "${chosen[@]}"; do
	case $name in silence | dead) "$name" ;; esac
done
stop backend

{
	echo
	echo "$(date -u +%F), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, Linux $(uname -r), $(go env GOVERSION);" \
		"$rounds rounds of $each s, $connections connections to each proxy." \
		"Other work took $others_before % of the machine before, and $(others) % after."
	echo
	echo '| next to | call | ratio | range | CPU µs per call, ours and its | RSS / PSS in MiB: idle | 64 connections | 512 connections |'
	echo '|---|---|---|---|---|---|---|---|'
	cat "$tmp/rows"
	echo
} >"$tmp/table"
cat "$tmp/table"
if (($# == 0)); then
	awk -v table="$tmp/table" -v from="$from" -v to="$to" '
		$0 == to {inside = 0}
		!inside
		$0 == from {inside = 1; while ((getline line <table) > 0) print line}' $page >"$tmp/page"
	cat "$tmp/page" >$page
fi
