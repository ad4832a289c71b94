package emulate_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/emulate"
)

// An SDK requests a token and gets a placeholder, which is useless at WeChat.
func ExampleParseTokenRequest() {
	r := httptest.NewRequest("POST", "/cgi-bin/stable_token", nil)
	req, err := emulate.ParseTokenRequest(r, []byte(`{"grant_type":"client_credential","appid":"wx1","secret":"my client key"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(req.Platform, req.AppID, req.Secret)
	fmt.Printf("%s\n", emulate.TokenAnswer("wtp1_AA", emulate.PlaceholderLife, req.Platform))
	// Output:
	// mp wx1 ***
	// {"access_token":"wtp1_AA","expires_in":7200}
}

// A single-page app has its route in the fragment, which is not signed.
func ExamplePage() {
	hosts := []string{"*.shop.example"}
	fmt.Println(emulate.Page("https://m.shop.example/?from=menu#/cart", hosts))
	_, err := emulate.Page("https://evil.example/", hosts)
	fmt.Println(err)
	// Output:
	// https://m.shop.example/?from=menu <nil>
	// the host of the page is not listed in PROXY_JSSDK_HOSTS
}
