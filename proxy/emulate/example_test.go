package emulate_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/emulate"
)

// An SDK asks for a token, and gets one that is worth nothing at WeChat.
func ExampleParseTokenAsk() {
	r := httptest.NewRequest("POST", "/cgi-bin/stable_token", nil)
	ask, err := emulate.ParseTokenAsk(r, []byte(`{"grant_type":"client_credential","appid":"wx1","secret":"my client key"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ask.Platform, ask.AppID, ask.Secret)
	fmt.Printf("%s\n", emulate.TokenAnswer("wtp1_AA", emulate.PlaceholderLife, ask.Platform))
	// Output:
	// mp wx1 ***
	// {"access_token":"wtp1_AA","expires_in":7200}
}

// A page behind a router has its route in the fragment, which is not signed.
func ExamplePage() {
	hosts := []string{"*.shop.example"}
	fmt.Println(emulate.Page("https://m.shop.example/?from=menu#/cart", hosts))
	_, err := emulate.Page("https://evil.example/", hosts)
	fmt.Println(err)
	// Output:
	// https://m.shop.example/?from=menu <nil>
	// the page's host is not on the list of those that are signed for (PROXY_JSSDK_HOSTS)
}
