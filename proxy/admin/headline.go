package admin

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// headline is how everything is, in a sentence.
type headline struct {
	// Level is ok, starting, warning or down.
	Level health `json:"level"`
	errcode.Advice
}

func newHeadline(level health, en, zh string) headline {
	return headline{level, errcode.Advice{EN: en, ZH: zh}}
}

// conditions are what a headline depends on.
type conditions struct {
	draining  bool
	counts    map[health]int
	worst     string // the least healthy account
	rejected  bool   // WeChat rejects its token
	code      int    // with this errcode
	platforms map[errcode.Platform]bool
	hosts     []Host
	store     Store
	// calls and faults are the last minute's: all, and those that failed through no
	// fault of the caller's.
	calls, faults uint64
}

// headlineFor says only the most important thing.
func headlineFor(c conditions) headline {
	all := 0
	for _, n := range c.counts {
		all += n
	}
	down, some := unreachable(c.hosts, c.platforms)
	switch {
	case c.draining:
		return newHeadline(healthWarning, "Shutting down: calls in flight are finished, new ones are not accepted.", "正在关闭：处理完进行中的调用，不再接受新的调用。")
	case all == 0:
		return newHeadline(healthWarning, "No account is configured.", "尚未配置任何账号。")
	case len(down) > 0:
		return noHost(down)
	case c.counts[healthDown] > 0:
		return noToken(c, all)
	case c.calls >= enoughCalls && 2*c.faults > c.calls:
		return newHeadline(
			healthWarning, fmt.Sprintf("Most calls fail: %d of %d in the last minute.", c.faults, c.calls),
			fmt.Sprintf("大部分调用失败：最近一分钟 %d 次调用中有 %d 次失败。", c.calls, c.faults),
		)
	case c.counts[healthWarning] > 0 && c.rejected:
		return newHeadline(
			healthWarning, fmt.Sprintf("Account %s needs attention: WeChat rejects its token (%d).", c.worst, c.code),
			fmt.Sprintf("账号 %s 需要关注：微信拒绝其 token（%d）。", c.worst, c.code),
		)
	case some:
		return newHeadline(healthWarning, "WeChat works, but some of its hosts cannot be reached.", "微信可用，但部分服务器无法连接。")
	case !c.store.Up:
		return newHeadline(healthWarning, "WeChat works, but the credential store is down.", "微信可用，但凭据存储不可用。")
	case c.counts[healthWarning] == 1:
		return newHeadline(healthWarning, fmt.Sprintf("WeChat works. Account %s needs attention.", c.worst), fmt.Sprintf("微信可用。账号 %s 需要关注。", c.worst))
	case c.counts[healthWarning] > 1:
		return newHeadline(
			healthWarning, fmt.Sprintf("WeChat works. %d accounts need attention, including %s.", c.counts[healthWarning], c.worst),
			fmt.Sprintf("微信可用。%d 个账号需要关注，例如 %s。", c.counts[healthWarning], c.worst),
		)
	case c.counts[healthOK] == 0:
		return newHeadline(healthStarting, "Starting: no token yet.", "正在启动：尚未取得 token。")
	default:
		return newHeadline(healthOK, "WeChat works.", "微信可用。")
	}
}

// enoughCalls is how many calls a minute it takes to say that most of them fail.
const enoughCalls = 5

// noToken is the headline if accounts are down.
func noToken(c conditions, all int) headline {
	down := c.counts[healthDown]
	switch {
	case down == 1 && c.rejected:
		return newHeadline(
			healthDown, fmt.Sprintf("WeChat rejects the token of %s, and gives no other.", c.worst),
			fmt.Sprintf("微信拒绝账号 %s 的 token，且不再发放新的 token。", c.worst),
		)
	case down == 1:
		return newHeadline(healthDown, fmt.Sprintf("Account %s has no token.", c.worst), fmt.Sprintf("账号 %s 没有可用的 token。", c.worst))
	case c.rejected:
		return newHeadline(
			healthDown, fmt.Sprintf("%d of %d accounts have no token that WeChat accepts, including %s.", down, all, c.worst),
			fmt.Sprintf("%d 个账号中有 %d 个没有微信接受的 token，例如 %s。", all, down, c.worst),
		)
	default:
		return newHeadline(
			healthDown, fmt.Sprintf("%d of %d accounts have no token, including %s.", down, all, c.worst),
			fmt.Sprintf("%d 个账号中有 %d 个没有可用的 token，例如 %s。", all, down, c.worst),
		)
	}
}

func noHost(down []errcode.Platform) headline {
	var en, zh []string
	for _, p := range down {
		if p == errcode.WeCom {
			en, zh = append(en, "WeCom"), append(zh, "企业微信")
		} else {
			en, zh = append(en, "WeChat"), append(zh, "微信")
		}
	}
	return newHeadline(
		healthDown, "No "+strings.Join(en, " or ")+" host can be reached.", "无法连接任何"+strings.Join(zh, "或")+"服务器。",
	)
}

// unreachable returns those of platforms of which every breaker is open or
// half-open, and whether any breaker of theirs is.
func unreachable(hosts []Host, platforms map[errcode.Platform]bool) (down []errcode.Platform, some bool) {
	for _, p := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		all, used := 0, 0
		for _, h := range hosts {
			if cmp.Or(h.Platform, errcode.MP) != p || !platforms[p] {
				continue
			}
			all++
			if h.State == "closed" {
				used++
			}
		}
		if all > 0 && used == 0 {
			down = append(down, p)
		}
		some = some || used < all
	}
	return down, some
}
