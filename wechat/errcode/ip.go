package errcode

import (
	"net/netip"
	"strings"
)

// SeenIP returns the IP address in msg, the one that WeChat saw the call come
// from, or "" if msg has none (WeChat docs: IP whitelist). Of several addresses
// it returns the first IPv4 one.
func SeenIP(msg string) string {
	first := ""
	for _, field := range strings.FieldsFunc(msg, func(r rune) bool {
		return !strings.ContainsRune("0123456789abcdefABCDEF.:", r)
	}) {
		addr, err := netip.ParseAddr(strings.Trim(field, ".:"))
		if err != nil {
			addr, err = netip.ParseAddr(field)
		}
		if err != nil {
			continue
		}
		if addr = addr.Unmap(); addr.Is4() {
			return addr.String()
		}
		if first == "" && strings.Count(field, ":") > 1 {
			first = addr.String()
		}
	}
	return first
}
