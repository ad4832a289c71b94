package errcode

import "testing"

func TestSeenIP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ msg, want string }{
		{"invalid ip 101.226.140.197 ipv6 ::ffff:101.226.140.197, not in whitelist rid: 617682e0-21ea79ab-3a4424cd", "101.226.140.197"},
		{"access clientip is not registered requestIP: 1.2.3.4 rid: x", "1.2.3.4"},
		{"not allow to access from your ip, hint: [1642], from ip: 5.6.7.8, more info at https://open.work.weixin.qq.com", "5.6.7.8"},
		{"invalid ip ::ffff:9.8.7.6, not in whitelist", "9.8.7.6"},
		{"invalid ip 2408:8256::1 ipv6 2408:8256::1, not in whitelist", "2408:8256::1"},
		{"invalid appsecret", ""},
		{"", ""},
	} {
		if got := SeenIP(c.msg); got != c.want {
			t.Errorf("%q: %q, want %q", c.msg, got, c.want)
		}
	}
}
