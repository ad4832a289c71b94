package proxy

import (
	"fmt"
	"testing"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/access"
)

func TestSeveralAgentsOfACorp(t *testing.T) {
	w := newWorld(t, setup{clients: []access.ClientSpec{keyed("all", "KEYALL"), keyed("two", "KEYTWO", "staff2", "staff"), keyed("one", "KEYONE", "staff2")}})
	d := *w.dir
	second := *d.Accounts["staff"]
	second.Name = "staff2"
	d.Accounts = map[string]*Account{"staff": d.Accounts["staff"], "staff2": &second}
	d.ByID = map[string][]*Account{corpID: {d.Accounts["staff"], &second}}
	d.Default = nil
	for _, c := range []struct {
		name, key string
		n         accountNames
		want      string
	}{
		{"by name", "KEYALL", accountNames{path: "staff2"}, "staff2"},
		{"by corpid, both allowed", "KEYALL", accountNames{path: corpID}, "400"},
		{"by corpid, one allowed", "KEYONE", accountNames{path: corpID}, "staff2"},
		{"by corpid, the client's default", "KEYTWO", accountNames{appID: corpID}, "staff2"},
		{"by corpid and a placeholder", "KEYALL", accountNames{path: corpID, placeholder: "staff"}, "staff"},
		{"the name and another's placeholder", "KEYALL", accountNames{path: "staff2", placeholder: "staff"}, "403"},
	} {
		a, refusal := d.resolve(c.n, w.dir.Policy.ClientByKey(c.key))
		got := ""
		if refusal != nil {
			got = fmt.Sprint(refusal.Status)
		} else if a != nil {
			got = a.Name
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
