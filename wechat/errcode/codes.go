package errcode

// entry is what the tables know about a code.
type entry struct {
	verdict Verdict
	final   bool // at a token endpoint, asking again soon does not help
	name    string
}

const final = true

// lookup returns code's entry for the platform (WeChat docs: global return
// codes).
func lookup(p Platform, code int) (entry, bool) {
	if p == WeCom {
		return weComCode(code)
	}
	return mpCode(code)
}

// mpCode is the table of api.weixin.qq.com.
func mpCode(code int) (entry, bool) {
	if c, ok := commonCode(code); ok {
		return c, true
	}
	var c entry
	switch code {
	case 40001:
		c = entry{Renew, final, "token invalid or not the latest"}
	case 40014:
		c = entry{Renew, final, "invalid access_token"}
	case 42001:
		c = entry{Renew, final, "access_token expired"}
	case 40002:
		c = entry{Caller, final, "invalid grant type"}
	case 40013:
		c = entry{Denied, final, "invalid appid"}
	case 40029:
		c = entry{Caller, false, "invalid code"}
	case 40030:
		c = entry{Caller, false, "invalid refresh_token of a user"}
	case 40125:
		c = entry{Denied, final, "invalid appsecret"}
	case 40163:
		c = entry{Caller, false, "code already used"}
	case 40164:
		c = entry{Denied, final, "IP not on the allow-list"}
	case 40226:
		c = entry{Caller, false, "high-risk user, login blocked"}
	case 40243:
		c = entry{Denied, final, "AppSecret frozen"}
	case 41001:
		c = entry{Caller, final, "access_token missing"}
	case 41002:
		c = entry{Caller, final, "appid missing"}
	case 41004:
		c = entry{Caller, final, "appsecret missing"}
	case 41008:
		c = entry{Caller, false, "code missing"}
	case 42002:
		c = entry{Caller, false, "refresh_token of a user expired"}
	case 42003:
		c = entry{Caller, false, "code expired"}
	case 42007:
		c = entry{Caller, false, "user changed the password, authorize again"}
	default:
		return mpAPICode(code)
	}
	return c, true
}

// mpAPICode is the rest of mpCode: codes of APIs, limits and IPs.
func mpAPICode(code int) (entry, bool) {
	var c entry
	switch code {
	case 43001:
		c = entry{Caller, final, "GET required"}
	case 43002:
		c = entry{Caller, final, "POST required"}
	case 43003:
		c = entry{Caller, final, "HTTPS required"}
	case 43004:
		c = entry{Caller, false, "user does not follow"}
	case 43101:
		c = entry{Caller, false, "user declined the message"}
	case 44002:
		c = entry{Caller, false, "empty POST body"}
	case 45002:
		c = entry{Caller, false, "content too long"}
	case 45011:
		c = entry{Limited, final, "too many calls this minute"}
	case 45035:
		c = entry{Denied, final, "client IP not registered"}
	case 45047:
		c = entry{Caller, false, "customer-service reply limit reached"}
	case 45501:
		c = entry{Denied, final, "app blocked by the supervisor"}
	case 47001:
		c = entry{Caller, false, "JSON or XML cannot be parsed"}
	case 48001:
		c = entry{Caller, final, "API unauthorized"}
	case 48004:
		c = entry{Denied, final, "API banned"}
	case 48006:
		c = entry{Caller, false, "no quota resets left"}
	case 50002:
		c = entry{Denied, final, "account limited"}
	case 50004:
		c = entry{Denied, final, "account may not use access_token"}
	case 50007:
		c = entry{Denied, final, "account frozen"}
	case 61004:
		c = entry{Denied, final, "client IP not registered"}
	case 61024:
		c = entry{Denied, final, "appid belongs to a third-party platform"}
	case 89501:
		c = entry{Denied, final, "IP under review"}
	case 89503:
		c = entry{Denied, final, "admin must confirm this IP"}
	case 89504, 89505:
		c = entry{Denied, final, "IP awaits the admin's confirmation"}
	case 89506:
		c = entry{Denied, final, "admin declined this IP for 24 hours"}
	case 89507:
		c = entry{Denied, final, "admin declined this IP for an hour"}
	default:
		return entry{}, false
	}
	return c, true
}

// weComCode is the table of qyapi.weixin.qq.com.
func weComCode(code int) (entry, bool) {
	if c, ok := commonCode(code); ok {
		return c, true
	}
	var c entry
	switch code {
	case 40001:
		c = entry{Caller, final, "invalid secret"}
	case 40013:
		c = entry{Denied, final, "invalid corpid"}
	case 40014:
		c = entry{Renew, final, "invalid access_token"}
	case 42001:
		c = entry{Renew, final, "access_token expired"}
	case 40091:
		c = entry{Denied, final, "invalid secret, or a secret of another corp"}
	case 40093:
		c = entry{Caller, false, "invalid jsapi_ticket"}
	case 41001:
		c = entry{Caller, final, "access_token missing"}
	case 41002:
		c = entry{Caller, final, "corpid missing"}
	case 41004:
		c = entry{Caller, final, "corpsecret missing"}
	case 42012:
		c = entry{Caller, false, "ticket not available"}
	case 45033:
		c = entry{Busy, false, "too many calls at once"}
	case 48002:
		c = entry{Caller, false, "API not allowed"}
	case 60011:
		c = entry{Caller, false, "no permission for this member, department or tag"}
	case 60020:
		c = entry{Denied, final, "IP not trusted"}
	case 830002:
		c = entry{Caller, false, "media too big, use Range"}
	default:
		return entry{}, false
	}
	return c, true
}

// commonCode is the table of codes that mean the same on both platforms.
func commonCode(code int) (entry, bool) {
	switch code {
	case 0:
		return entry{OK, false, "ok"}, true
	case -1:
		return entry{Busy, false, "system busy"}, true
	case 410, 48017:
		return entry{Retired, false, "access point retired"}, true
	case 45009:
		return entry{Limited, final, "quota used up"}, true
	}
	return entry{}, false
}
