package admin

import (
	"fmt"
	"strings"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// verdict is how everything is, in a sentence.
type verdict struct {
	// Level is ok, starting, warning or down.
	Level health `json:"level"`
	EN    string `json:"en"`
	ZH    string `json:"zh"`
}

// facts are what a verdict is made of.
type facts struct {
	draining  bool
	counts    map[health]int
	worst     string // the first account that is down, or that wants attention
	refused   bool   // WeChat refuses its token
	code      int    // with which errcode
	platforms map[errcode.Platform]bool
	hosts     []Host
	store     Store
	// calls and broken are the last minute's: all, and those that failed for no
	// fault of the caller's.
	calls, broken uint64
}

// verdictOf says the most important thing only.
func verdictOf(f facts) verdict {
	all := 0
	for _, n := range f.counts {
		all += n
	}
	away, some := unreachable(f.hosts, f.platforms)
	switch {
	case f.draining:
		return verdict{healthWarning, "Shutting down: calls under way are finished, new ones go elsewhere.", "正在关闭：处理完进行中的调用，不再接受新的调用。"}
	case all == 0:
		return verdict{healthWarning, "No account is configured.", "尚未配置任何账号。"}
	case len(away) > 0:
		return noHost(away)
	case f.counts[healthDown] > 0:
		return noToken(f, all)
	case f.calls >= fewCalls && 2*f.broken > f.calls:
		return verdict{
			healthWarning, fmt.Sprintf("Most calls fail: %d of %d in the last minute.", f.broken, f.calls),
			fmt.Sprintf("大部分调用失败：最近一分钟 %d 次调用中有 %d 次失败。", f.calls, f.broken),
		}
	case f.counts[healthWarning] > 0 && f.refused:
		return verdict{
			healthWarning, fmt.Sprintf("Account %s wants attention: WeChat refuses its token (%d).", f.worst, f.code),
			fmt.Sprintf("账号 %s 需要关注：微信拒绝其 token（%d）。", f.worst, f.code),
		}
	case some:
		return verdict{healthWarning, "WeChat works, though not by every host.", "微信可用，但部分服务器无法连接。"}
	case !f.store.Up:
		return verdict{healthWarning, "WeChat works, but the credential store is down.", "微信可用，但凭据存储不可用。"}
	case f.counts[healthWarning] == 1:
		return verdict{healthWarning, fmt.Sprintf("WeChat works. Account %s wants attention.", f.worst), fmt.Sprintf("微信可用。账号 %s 需要关注。", f.worst)}
	case f.counts[healthWarning] > 1:
		return verdict{
			healthWarning, fmt.Sprintf("WeChat works. %d accounts want attention, %s among them.", f.counts[healthWarning], f.worst),
			fmt.Sprintf("微信可用。%d 个账号需要关注，例如 %s。", f.counts[healthWarning], f.worst),
		}
	case f.counts[healthOK] == 0:
		return verdict{healthStarting, "Starting: no token yet.", "正在启动：尚未取得 token。"}
	default:
		return verdict{healthOK, "WeChat works.", "微信可用。"}
	}
}

// fewCalls is from how many calls in a minute on their failing says something.
const fewCalls = 5

// noToken is the verdict where accounts are down.
func noToken(f facts, all int) verdict {
	down := f.counts[healthDown]
	switch {
	case down == 1 && f.refused:
		return verdict{
			healthDown, fmt.Sprintf("WeChat refuses the token of %s, and gives no other.", f.worst),
			fmt.Sprintf("微信拒绝账号 %s 的 token，且不再发放新的 token。", f.worst),
		}
	case down == 1:
		return verdict{healthDown, fmt.Sprintf("Account %s has no token.", f.worst), fmt.Sprintf("账号 %s 没有可用的 token。", f.worst)}
	case f.refused:
		return verdict{
			healthDown, fmt.Sprintf("%d of %d accounts have no token that WeChat takes, %s among them.", down, all, f.worst),
			fmt.Sprintf("%d 个账号中有 %d 个没有微信接受的 token，例如 %s。", all, down, f.worst),
		}
	default:
		return verdict{
			healthDown, fmt.Sprintf("%d of %d accounts have no token, %s among them.", down, all, f.worst),
			fmt.Sprintf("%d 个账号中有 %d 个没有可用的 token，例如 %s。", all, down, f.worst),
		}
	}
}

func noHost(away []errcode.Platform) verdict {
	var en, zh []string
	for _, p := range away {
		if p == errcode.WeCom {
			en, zh = append(en, "WeCom's"), append(zh, "企业微信")
		} else {
			en, zh = append(en, "WeChat's"), append(zh, "微信")
		}
	}
	return verdict{
		healthDown, "No host of " + strings.Join(en, " or ") + " can be reached.", "无法连接任何" + strings.Join(zh, "或") + "服务器。",
	}
}

// unreachable returns the platforms of which no host is in use, among those
// that have accounts, and whether any of their hosts is not. A breaker that is
// half-open has yet to find out.
func unreachable(hosts []Host, platforms map[errcode.Platform]bool) (away []errcode.Platform, some bool) {
	for _, p := range []errcode.Platform{errcode.MP, errcode.WeCom} {
		there, used := 0, 0
		for _, h := range hosts {
			if platform(h.Platform) != p || !platforms[p] {
				continue
			}
			there++
			if h.State == "closed" {
				used++
			}
		}
		if there > 0 && used == 0 {
			away = append(away, p)
		}
		some = some || used < there
	}
	return away, some
}
