package errcode

// Advice tells an operator what to do about an errcode, in English and Chinese.
type Advice struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// AdviceFor returns what an operator can do about code. msg is WeChat's errmsg;
// the IP to allow is taken from it. Both texts are "" if there is no advice.
func AdviceFor(p Platform, e Endpoint, code int, msg string) Advice {
	ip := SeenIP(msg)
	if ip == "" {
		ip = "(the proxy's public IP)"
	}
	if a, ok := adviceIP(p, code, ip); ok {
		return a
	}
	if e == Token && (code == 40001 || code == 40125 || code == 40091) {
		return Advice{
			"The AppSecret is wrong. Look it up or reset it in WeChat's console, update the proxy's settings, and make sure that it belongs to this appid.",
			"AppSecret 错误。请在微信后台重置或核对 AppSecret，更新代理的配置，并确认它与该 AppID 对应。",
		}
	}
	if p == WeCom {
		return adviceWeCom(code)
	}
	return adviceMP(code)
}

// adviceIP is the advice for codes about the caller's IP.
func adviceIP(p Platform, code int, ip string) (Advice, bool) {
	switch {
	case p == WeCom && code == 60020:
		return Advice{
			"Add " + ip + " to the agent's trusted IPs: WeCom admin console > Apps > the agent > Company trusted IP.",
			"请把 " + ip + " 加入企业可信 IP：企业微信管理后台 > 应用管理 > 该应用 > 企业可信IP。",
		}, true
	case p == WeCom:
		return Advice{}, false
	case code == 40164 || code == 45035:
		return Advice{
			"Add " + ip + " to the IP allow-list: WeChat console (mp.weixin.qq.com or developers.weixin.qq.com) > Development settings > IP allow-list. It takes effect within minutes.",
			"请把 " + ip + " 加入 IP 白名单：微信公众平台（或开发者平台）> 开发接口管理/基本配置 > IP白名单，数分钟内生效。",
		}, true
	case code == 61004:
		return Advice{
			"Add " + ip + " to the allow-list of the third-party platform (open.weixin.qq.com > the platform > Development settings), or to the account's IP allow-list.",
			"请把 " + ip + " 加入第三方平台的白名单 IP（微信开放平台 > 该平台 > 开发资料），或该账号的 IP 白名单。",
		}, true
	case code == 89501 || code == 89503 || code == 89504 || code == 89505:
		return Advice{
			"WeChat has asked the account's administrator to confirm " + ip + ": confirm the template message in WeChat. The proxy retries by itself.",
			"微信已向管理员发送确认 " + ip + " 的模板消息：请管理员在微信中确认，代理会自动重试。",
		}, true
	case code == 89506 || code == 89507:
		return Advice{
			"The administrator declined " + ip + ". WeChat allows the next attempt after 24 hours (89506) or one hour (89507). It is better to add the IP to the allow-list.",
			"管理员拒绝了 " + ip + "。需等待 24 小时（89506）或 1 小时（89507）后再试；建议把该 IP 加入白名单。",
		}, true
	}
	return Advice{}, false
}

func adviceWeCom(code int) Advice {
	switch code {
	case 40013:
		return Advice{
			"The corpid is wrong: WeCom admin console > My company > Company ID.",
			"corpid 错误：请核对企业微信管理后台 > 我的企业 > 企业ID。",
		}
	case 45009:
		return Advice{
			"WeCom's rate limit is exceeded. A per-minute limit blocks for 60 seconds, a per-hour limit for 60 minutes. Call less often.",
			"超出企业微信接口频率限制：分钟级限制封 60 秒，小时级封 60 分钟。请降低调用频率。",
		}
	}
	return adviceCommon(code)
}

func adviceMP(code int) Advice {
	switch code {
	case 40013:
		return Advice{
			"The appid is wrong or belongs to another kind of account. Compare it letter by letter with the one in WeChat's console.",
			"AppID 错误或账号类型不符。请与微信后台显示的 AppID 逐字核对。",
		}
	case 40243:
		return Advice{
			"The AppSecret is frozen. Unfreeze it in WeChat's console (this takes up to 10 minutes). The proxy retries by itself.",
			"AppSecret 已被冻结。请在微信后台解冻（约 10 分钟生效），代理会自动重试。",
		}
	case 45009:
		return Advice{
			"The quota of this API is used up. A per-minute limit resets the next minute, a daily limit at midnight Beijing time. clear_quota resets it at once, up to 10 times a month.",
			"该接口调用额度已用完：分钟级下一分钟恢复，日额度次日零点（北京时间）恢复；可用 clear_quota 重置，每月 10 次。",
		}
	case 45011:
		return Advice{"Too many calls this minute. Slow down and retry in the next minute.", "本分钟调用过于频繁，请在下一分钟放慢后重试。"}
	case 48001:
		return Advice{
			"This account has no permission for this API. Request it in WeChat's console, or check that the call used the right account.",
			"该账号没有此接口权限：请在微信后台开通，或检查是否使用了正确的账号。",
		}
	case 48004, 50002, 50004, 50007, 45501:
		return Advice{"WeChat has restricted this account. See the notices in WeChat's console.", "该账号被微信限制：请查看微信后台的通知。"}
	case 61024:
		return Advice{
			"This appid belongs to a third-party platform, so its own AppSecret cannot be used to get tokens.",
			"该 AppID 属于第三方平台，不能用它自己的 AppSecret 获取 access_token。",
		}
	case 41004:
		return Advice{
			"WeChat received no AppSecret. WeChat has also been seen to answer this to an IP that is not on the allow-list. Check both.",
			"微信未收到 AppSecret；IP 不在白名单时也曾出现此错误。请两者都检查。",
		}
	}
	return adviceCommon(code)
}

// adviceCommon is the advice for codes that mean the same on both platforms.
func adviceCommon(code int) Advice {
	switch code {
	case -1:
		return Advice{"WeChat is busy. Try again in a moment.", "微信系统繁忙，请稍候再试。"}
	case 40001, 40014, 42001:
		return Advice{
			"WeChat rejected the token. The proxy renews it by itself. If this persists, the API may require another kind of account, or another program fetches tokens for this appid.",
			"微信拒绝了 access_token。代理会自动更新；若持续出现，可能是账号类型不符，或有其他程序也在获取该 AppID 的 token。",
		}
	case 410, 48017:
		return Advice{
			"The WeChat access point that was reached is retired; the DNS answer or hosts file is stale. The proxy resolves the name again by itself.",
			"访问到的微信接入点已下线（DNS 或 hosts 过期）。代理会自动重新解析。",
		}
	}
	return Advice{}
}
