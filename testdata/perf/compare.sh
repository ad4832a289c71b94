#!/usr/bin/env bash
# CPU time per call: this proxy against a tuned bare httputil.ReverseProxy, in
# simultaneous pairs: see lib.sh. The other proxies are in peers.sh.
#
#   testdata/perf/compare.sh [get|post|64k|1m|self ...]     Linux, wrk, 2 cores
#   ROUNDS=5 SECONDS_EACH=4 CONNECTIONS=32 PORT=19480
#
# self compares the bare proxy with itself: how far to trust the rest.
# shellcheck source=testdata/perf/lib.sh
. "$(dirname "$0")/lib.sh"
needs wrk taskset setpriv go
build backend ./testdata/perf/backend
build bare ./testdata/perf/bare
build proxy .

start backend $load_core "$(at 0)" "$tmp/backend" "$(at 0)"
start bare $proxy_core "$(at 1)" "$tmp/bare" "$(at 1)" "http://$(at 0)"
start again $proxy_core "$(at 2)" "$tmp/bare" "$(at 2)" "http://$(at 0)"
start_proxy "$(at 3)" "$(at 4)" "http://$(at 0)"

# compare case name path body-bytes
compare() {
	pairs bare "$2" "$3" "$4"
	printf '%-5s ratio %s (%s to %s in %d rounds), about %.0f against %.0f CPU us per call\n' \
		"$1" "$ratio" "$lowest" "$highest" "$rounds" "$own" "$other"
}

for name in "${@:-get}"; do
	case $name in
	self) compare self again "$info" 0 ;;
	get) compare get proxy "$info" 0 ;;
	post) compare post proxy "$send" 1000 ;;
	64k) compare 64k proxy "$send" 65500 ;;
	1m) compare 1m proxy "$large" 0 ;;
	*)
		echo "there is no $name: get, post, 64k, 1m, self" >&2
		exit 2
		;;
	esac
done
