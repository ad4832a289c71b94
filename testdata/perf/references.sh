# shellcheck shell=bash disable=SC2154,SC2034 # lib.sh has its variables
# Sourced by peers.sh: where the other proxies come from, and how each is set up
# to add an access_token as cheaply as it can.
caddy_module=github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9

# unpack package...: takes each from Debian, with what it needs that is not
# here, for this run only: nothing is installed, so no service starts and takes
# a port. The tool is named like its package.
unpack() {
	echo "unpacking $*" >&2
	mkdir -p "$tmp/debs" "$tmp/root" "$tmp/bin"
	if ! download "$@" 2>"$tmp/apt.log"; then # the lists may be old, or none
		$([ "$(id -u)" = 0 ] || echo sudo) apt-get update -qq
		download "$@"
	fi
	local deb tool binary libraries
	for deb in "$tmp"/debs/*.deb; do dpkg-deb -x "$deb" "$tmp/root"; done
	libraries=$(find "$tmp/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
	for tool in "$@"; do
		binary=$(find "$tmp/root" -path "*bin/$tool" | head -n 1)
		printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$binary" >"$tmp/bin/$tool"
		chmod +x "$tmp/bin/$tool"
	done
}

download() {
	apt-get -s install --no-install-recommends "$@" >"$tmp/plan" &&
		awk '/^Inst/ {print $2}' "$tmp/plan" |
		(cd "$tmp/debs" && xargs apt-get -qq -o APT::Sandbox::User=root download)
}

# get tool...: sees to it that each can be run.
get() {
	PATH=$tmp/bin:$PATH:/usr/sbin
	local tool missing=()
	for tool in "$@"; do
		if [ "$tool" = caddy ]; then
			echo 'building Caddy' >&2
			mkdir -p "$tmp/bin"
			CGO_ENABLED=0 GOBIN=$tmp/bin go install "$caddy_module"
		elif ! command -v "$tool" >/dev/null; then
			missing+=("$tool")
		fi
	done
	if ((${#missing[@]})); then unpack "${missing[@]}"; fi
}

version() {
	case $1 in
	nginx) nginx -e stderr -v 2>&1 | sed 's,.*/,,' ;;
	haproxy) haproxy -v | awk 'NR == 1 {sub(/-.*/, "", $3); print $3}' ;;
	caddy) echo "${caddy_module##*@v}" ;; # its own word is "unknown"
	esac
}

# start_nginx address upstream; the others alike.
start_nginx() {
	cat >"$tmp/nginx.conf" <<CONF
$(if [ "$(id -u)" = 0 ]; then echo 'user root;'; fi)
daemon off;
worker_processes 1;
pid $tmp/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path $tmp/nginx-body;
	proxy_temp_path $tmp/nginx-proxy;
	fastcgi_temp_path $tmp/nginx-fastcgi;
	uwsgi_temp_path $tmp/nginx-uwsgi;
	scgi_temp_path $tmp/nginx-scgi;
	upstream wechat {
		server $2;
		keepalive 512;
		keepalive_requests 1000000000;
	}
	server {
		listen $1;
		location / {
			proxy_pass http://wechat\$uri?\$args&access_token=$token;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
CONF
	start nginx "$proxy_core" "$1" nginx -e stderr -c "$tmp/nginx.conf"
	adds_token[nginx]=yes
}

start_haproxy() {
	cat >"$tmp/haproxy.cfg" <<CONF
global
	maxconn 2048
	nbthread 1
defaults
	mode http
	http-reuse always
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend programs
	bind $1
	http-request set-query %[query]&access_token=$token
	default_backend wechat
backend wechat
	server wechat $2
CONF
	start haproxy "$proxy_core" "$1" haproxy -db -f "$tmp/haproxy.cfg"
	adds_token[haproxy]=yes
}

start_caddy() {
	cat >"$tmp/Caddyfile" <<CONF
{
	admin off
	auto_https off
	persist_config off
	log {
		level ERROR
	}
}
http://$1 {
	rewrite * {path}?{query}&access_token=$token
	reverse_proxy $2 {
		transport http {
			compression off
			keepalive 60s
			keepalive_idle_conns 1024
			keepalive_idle_conns_per_host 512
		}
	}
}
CONF
	XDG_CONFIG_HOME=$tmp XDG_DATA_HOME=$tmp start caddy "$proxy_core" "$1" caddy run --config "$tmp/Caddyfile" --adapter caddyfile
	adds_token[caddy]=yes
}

start_tuned() { start tuned "$proxy_core" "$1" "$tmp/bare" "$1" "http://$2"; }
start_self() { start self "$proxy_core" "$1" "$tmp/bare" "$1" "http://$2"; }
start_untuned() { start untuned "$proxy_core" "$1" "$tmp/bare" -untuned "$1" "http://$2"; }
