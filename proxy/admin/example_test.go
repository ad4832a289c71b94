package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// An Admin is fed by hooks, and is an http.Handler.
func ExampleNew() {
	a := admin.New(admin.Options{
		Accounts: func() []admin.Account { return []admin.Account{{Name: "shop", ID: "wx0123456789abcdef"}} },
		Statuses: func(account string) []token.Status {
			return []token.Status{{
				Key:   token.Key{Account: account, Kind: token.AccessToken},
				State: token.Fresh, ExpiresAt: time.Now().Add(time.Hour),
			}}
		},
	})
	a.Call(stats.Call{Account: "shop", Class: "user", Status: http.StatusOK, Took: 40 * time.Millisecond, Upstream: 39 * time.Millisecond})

	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "wechat_proxy_requests_total") || strings.HasPrefix(line, "wechat_proxy_ready") {
			fmt.Print(line)
		}
	}
	// Output:
	// wechat_proxy_ready 1
	// wechat_proxy_requests_total{account="shop",class="user",errcode="0",status="200"} 1
}
