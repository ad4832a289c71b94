package emulate

import (
	"net/url"
	"testing"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

func TestJSConfigOnTheWire(t *testing.T) {
	t.Parallel()
	ticket := secret.New("sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg")
	c := NewJSConfig("wx1", ticket, "http://mp.weixin.qq.com?params=value", "Wm3WZYTPz0wzccnW", time.Unix(1414587457, 999))
	const four = `{"appId":"wx1","timestamp":1414587457,"nonceStr":"Wm3WZYTPz0wzccnW","signature":"0f9de62fce790f9a083d5c99e95740ceb90c27ed"`
	if got := string(c.Answer()); got != four+"}" {
		t.Error(got)
	}
	c.JsAPIList, c.OpenTagList = []string{"scanQRCode"}, []string{"wx-open-launch-app"}
	if got := string(c.Answer()); got != four+`,"jsApiList":["scanQRCode"],"openTagList":["wx-open-launch-app"]}` {
		t.Error(got)
	}
}

func TestCardOnTheWire(t *testing.T) {
	t.Parallel()
	q, err := url.ParseQuery("cardId=pjZ8Yt1XGILfi-FUsewpnnolGgZk&code=1434008071&shopId=7&cardType=GROUPON")
	if err != nil {
		t.Fatal(err)
	}
	c := NewCard(ParseCardRequest(q), "wx1", secret.New("ojZ8YtyVyr30HheH3CM73y7h4jJE"), "123", time.Unix(1404896688, 0))
	const want = `{"cardId":"pjZ8Yt1XGILfi-FUsewpnnolGgZk",` +
		`"cardExt":"{\"code\":\"1434008071\",\"openid\":\"\",\"timestamp\":\"1404896688\",\"nonce_str\":\"123\",\"signature\":\"f137ab68b7f8112d20ee528ab6074564e2796250\"}",` +
		`"timestamp":1404896688,"nonceStr":"123","code":"1434008071","openid":"","signature":"f137ab68b7f8112d20ee528ab6074564e2796250",` +
		`"shopId":"7","cardType":"GROUPON","signType":"SHA1","cardSign":"b88f08114d781ad6e3907adbf48b8cf6364df61e"}`
	if got := string(c.Answer()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// The vectors are WeChat's own: JS-SDK, appendix 1, today's edition and an
// older one.
func TestSign(t *testing.T) {
	t.Parallel()
	const ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
	for page, want := range map[string]string{
		"http://mp.weixin.qq.com?params=value": "0f9de62fce790f9a083d5c99e95740ceb90c27ed",
		"http://mp.weixin.qq.com":              "f4d90daf4b3bca3078ab155816175ba34c443a7b",
	} {
		if got := Sign(ticket, "Wm3WZYTPz0wzccnW", 1414587457, page); got != want {
			t.Errorf("%s: %s, want %s", page, got, want)
		}
	}
}

// The vector is WeChat's own: JS-SDK, appendix 4.
func TestCardSign(t *testing.T) {
	t.Parallel()
	const want = "f137ab68b7f8112d20ee528ab6074564e2796250"
	values := []string{
		"1434008071", "1404896688", "pjZ8Yt1XGILfi-FUsewpnnolGgZk", "ojZ8YtyVyr30HheH3CM73y7h4jJE", "123",
	}
	if got := CardSign(values...); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if values[0] != "1434008071" {
		t.Error("the caller's values were sorted")
	}
	if got := CardSign(append(values, "", "")...); got != want {
		t.Errorf("with empty values: %s", got)
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	if a, b := Nonce(), Nonce(); a == b || len(a) < 16 || len(a) > 32 {
		t.Errorf("%q, %q", a, b)
	}
}
