// Command bare is what the proxy is compared with: httputil.ReverseProxy with
// well tuned settings, or with -untuned as it comes, and nothing else. It knows
// no token: the load carries one.
//
//	bare [-untuned] 127.0.0.1:9001 http://127.0.0.1:9000
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

func main() {
	untuned := flag.Bool("untuned", false, "the transport's and the server's defaults, and no buffer pool")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: bare [-untuned] host:port upstream-url")
	}
	upstream, err := url.Parse(flag.Arg(1))
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = upstream.Scheme, upstream.Host, upstream.Host
		},
	}
	server := &http.Server{Addr: flag.Arg(0), Handler: proxy}
	if !*untuned {
		proxy.Transport = &http.Transport{
			MaxIdleConns: 1024, MaxIdleConnsPerHost: 512, IdleConnTimeout: 60 * time.Second, DisableCompression: true,
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		}
		proxy.BufferPool = &buffers{sync.Pool{New: func() any { return new([32 << 10]byte) }}}
		server.ReadHeaderTimeout, server.IdleTimeout, server.WriteTimeout = 10*time.Second, 2*time.Minute, 15*time.Minute
	}
	log.Fatal(server.ListenAndServe())
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return b.pool.Get().(*[32 << 10]byte)[:] }
func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }
