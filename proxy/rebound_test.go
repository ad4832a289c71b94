package proxy

import "testing"

// A page whose name was made to lead to loopback counts as our own with the
// browser; without a key it must not get far.
func TestReboundNames(t *testing.T) {
	w := newWorld(t, setup{})
	w.warm()
	const browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)"
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"a browser under a public name", []string{browser, "Host: evil.example.com"}, 403},
		{"a browser at our address", []string{browser}, 200},
		{"a browser at localhost", []string{browser, "Host: localhost:8080"}, 200},
		{"a program under a public name", []string{"Host: wechat.example.com"}, 200},
		{"a program under WeChat's name", []string{browser, "Host: api.weixin.qq.com"}, 200},
		{"a browser under a name of the house", []string{browser, "Host: wechat.lan"}, 200},
	} {
		if g := w.call("GET /cgi-bin/user/get", "", c.headers...); g.StatusCode != c.status {
			t.Errorf("%s: %v", c.name, g)
		}
	}
}
