package operate

import (
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

func TestEveryErrcodeHasAdvice(t *testing.T) {
	t.Parallel()
	for _, p := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		for code := -1; code < 100_000; code++ {
			if a := adviceErrcode(&errcode.Error{Platform: p, Endpoint: errcode.Token, Code: code}); a.EN == "" || a.ZH == "" {
				t.Fatalf("%s %d: %+v", p, code, a)
			}
		}
	}
}
