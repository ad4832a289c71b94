package admin

import (
	"fmt"
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
	draining bool
	counts   map[health]int
	worst    string // the first account that is down, or that wants attention
	hosts    []Host
	store    Store
}

// verdictOf says the most important thing only.
func verdictOf(f facts) verdict {
	down, all := f.counts[healthDown], 0
	for _, n := range f.counts {
		all += n
	}
	switch open := openHosts(f.hosts); {
	case f.draining:
		return verdict{healthWarning, "Shutting down: calls under way are finished, new ones go elsewhere.", "正在关闭：处理完进行中的调用，不再接受新的调用。"}
	case all == 0:
		return verdict{healthWarning, "No account is configured.", "尚未配置任何账号。"}
	case down == 1:
		return verdict{healthDown, fmt.Sprintf("Account %s has no token.", f.worst), fmt.Sprintf("账号 %s 没有可用的 token。", f.worst)}
	case down > 1:
		return verdict{
			healthDown, fmt.Sprintf("%d of %d accounts have no token, %s among them.", down, all, f.worst),
			fmt.Sprintf("%d 个账号中有 %d 个没有可用的 token，例如 %s。", all, down, f.worst),
		}
	case len(f.hosts) > 0 && open == len(f.hosts):
		return verdict{healthDown, "No host of WeChat's can be reached.", "无法连接任何微信服务器。"}
	case open > 0:
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

// openHosts counts the hosts whose breaker is open.
func openHosts(hosts []Host) int {
	n := 0
	for _, h := range hosts {
		if h.State == "open" {
			n++
		}
	}
	return n
}
