package wechattest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/wechattest"
)

func Example() {
	wechat := wechattest.New(wechattest.Options{
		Accounts: []wechattest.Account{{AppID: "wx1", Secret: "s3cret"}},
	})
	defer wechat.Close()
	client := &http.Client{Transport: wechat.RoundTripper()}

	ask := `{"grant_type":"client_credential","appid":"wx1","secret":"s3cret"}`
	resp, err := client.Post("https://api.weixin.qq.com/cgi-bin/stable_token", "application/json", strings.NewReader(ask))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()

	wechat.Trouble(wechattest.Trouble{Path: "/cgi-bin/menu", Kind: wechattest.Status, Status: 503, Count: 1})
	for range 2 {
		resp, err := client.Get("https://api.weixin.qq.com/cgi-bin/menu/get?lang=zh&access_token=" + wechat.Current("wx1"))
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode, strings.Contains(string(body), `"query":"lang=zh"`))
	}
	fmt.Println("fetches:", wechat.Count("token"), "executed:", wechat.Count("executed"))
	// Output:
	// 503 false
	// 200 true
	// fetches: 1 executed: 1
}
