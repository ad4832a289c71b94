package operate

import (
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// Remedy is what to do, in two languages.
type Remedy struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// remedy is a as a report holds it.
func remedy(a errcode.Advice) *Remedy { return &Remedy{a.EN, a.ZH} }

// adviceErrcode says what to do about an errcode; never nil.
func adviceErrcode(e *errcode.Error) *Remedy {
	if a := errcode.AdviceFor(e.Platform, e.Endpoint, e.Code, e.Msg); a.EN != "" {
		return &Remedy{a.EN, a.ZH}
	}
	return &Remedy{
		"This number is not a usual answer to a request for a token: look it up in WeChat's list of return codes, and give WeChat the rid if you ask there.",
		"获取 access_token 时一般不会返回此错误码：请查阅微信文档的全局返回码；联系微信时请提供 rid。",
	}
}

func adviceClock() *Remedy {
	return &Remedy{
		"Set this machine's clock (NTP): replicas that share a store, and certificates, depend on it.",
		"请校准本机时间（NTP）：共享存储的多个副本以及证书校验都依赖准确的时间。",
	}
}

func adviceLegacy() *Remedy {
	return &Remedy{
		"A running proxy notices and renews by itself. To make a check harmless, use WECHAT_TOKEN_API=stable, or keep tokens in a file or Redis with PROXY_TOKEN_STORE.",
		"运行中的代理会自动发现并更新。若要检查不影响现用 token，请改用 WECHAT_TOKEN_API=stable，或用 PROXY_TOKEN_STORE 保存到文件或 Redis。",
	}
}

func adviceDirectory() *Remedy {
	return &Remedy{
		"Give the directory of PROXY_TOKEN_STORE to the user who runs the proxy, writable, mode 0700; look whether the disk is full or read-only.",
		"请让运行代理的用户拥有 PROXY_TOKEN_STORE 目录并可写（权限 0700），并检查磁盘是否已满或只读。",
	}
}

func adviceRedis() *Remedy {
	return &Remedy{
		"Check address, password and TLS in PROXY_TOKEN_STORE, that this machine may reach Redis, and that its user may run scripts (EVAL). The proxy works without it, but then replicas share nothing.",
		"请检查 PROXY_TOKEN_STORE 的地址、密码与 TLS、到 Redis 的网络，以及该用户是否可执行脚本（EVAL）。Redis 不可用时代理仍可服务，但副本间不共享。",
	}
}
