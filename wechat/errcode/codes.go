package errcode

// entry is one line of the table.
type entry struct {
	verdict Verdict
	tokenNo bool // from a token endpoint it is a "no": asking again soon will not help
	name    string
}

const no = true

// lookup finds code in the platform's table (WeChat docs: global return codes).
func lookup(p Platform, code int) (entry, bool) {
	if p == WeCom {
		return wecom(code)
	}
	return mp(code)
}

// mp is api.weixin.qq.com's table.
func mp(code int) (entry, bool) {
	if c, ok := both(code); ok {
		return c, true
	}
	var c entry
	switch code {
	case 40001:
		c = entry{Renew, no, "token invalid or not the latest"}
	case 40014:
		c = entry{Renew, no, "invalid access_token"}
	case 42001:
		c = entry{Renew, no, "access_token expired"}
	case 40002:
		c = entry{Caller, no, "invalid grant type"}
	case 40013:
		c = entry{Denied, no, "invalid appid"}
	case 40029:
		c = entry{Caller, false, "invalid code"}
	case 40030:
		c = entry{Caller, false, "invalid refresh_token of a user"}
	case 40125:
		c = entry{Denied, no, "invalid appsecret"}
	case 40163:
		c = entry{Caller, false, "code has been used"}
	case 40164:
		c = entry{Denied, no, "IP not on the allow-list"}
	case 40226:
		c = entry{Caller, false, "high-risk user, login blocked"}
	case 40243:
		c = entry{Denied, no, "AppSecret frozen"}
	case 41001:
		c = entry{Caller, no, "access_token missing"}
	case 41002:
		c = entry{Caller, no, "appid missing"}
	case 41004:
		c = entry{Caller, no, "appsecret missing"}
	case 41008:
		c = entry{Caller, false, "code missing"}
	case 42002:
		c = entry{Caller, false, "refresh_token of a user expired"}
	case 42003:
		c = entry{Caller, false, "code expired"}
	case 42007:
		c = entry{Caller, false, "user changed the password, authorize again"}
	default:
		return mpMore(code)
	}
	return c, true
}

// mpMore is the rest of it: what the calls themselves meet.
func mpMore(code int) (entry, bool) {
	var c entry
	switch code {
	case 43001:
		c = entry{Caller, no, "GET required"}
	case 43002:
		c = entry{Caller, no, "POST required"}
	case 43003:
		c = entry{Caller, no, "HTTPS required"}
	case 43004:
		c = entry{Caller, false, "user does not follow"}
	case 43101:
		c = entry{Caller, false, "user refused the message"}
	case 44002:
		c = entry{Caller, false, "empty POST body"}
	case 45002:
		c = entry{Caller, false, "content too long"}
	case 45011:
		c = entry{Limited, no, "too many calls this minute"}
	case 45035:
		c = entry{Denied, no, "client IP not registered"}
	case 45047:
		c = entry{Caller, false, "customer-service replies used up"}
	case 45501:
		c = entry{Denied, no, "app blocked by the supervisor"}
	case 47001:
		c = entry{Caller, false, "JSON or XML cannot be parsed"}
	case 48001:
		c = entry{Caller, no, "API unauthorized"}
	case 48004:
		c = entry{Denied, no, "API banned"}
	case 48006:
		c = entry{Caller, false, "resets of the quota used up"}
	case 50002:
		c = entry{Denied, no, "account limited"}
	case 50004:
		c = entry{Denied, no, "account may not use access_token"}
	case 50007:
		c = entry{Denied, no, "account frozen"}
	case 61004:
		c = entry{Denied, no, "client IP not registered"}
	case 61024:
		c = entry{Denied, no, "appid belongs to a third-party platform"}
	case 89501:
		c = entry{Denied, no, "IP under review"}
	case 89503:
		c = entry{Denied, no, "admin must confirm this IP"}
	case 89504, 89505:
		c = entry{Denied, no, "IP waits for the admin's confirmation"}
	case 89506:
		c = entry{Denied, no, "admin refused this IP for 24 hours"}
	case 89507:
		c = entry{Denied, no, "admin refused this IP for an hour"}
	default:
		return entry{}, false
	}
	return c, true
}

// wecom is qyapi.weixin.qq.com's table.
func wecom(code int) (entry, bool) {
	if c, ok := both(code); ok {
		return c, true
	}
	var c entry
	switch code {
	case 40001:
		c = entry{Caller, no, "invalid secret"}
	case 40013:
		c = entry{Denied, no, "invalid corpid"}
	case 40014:
		c = entry{Renew, no, "invalid access_token"}
	case 42001:
		c = entry{Renew, no, "access_token expired"}
	case 40091:
		c = entry{Denied, no, "invalid secret, perhaps another corp's"}
	case 40093:
		c = entry{Caller, false, "invalid jsapi_ticket"}
	case 41001:
		c = entry{Caller, no, "access_token missing"}
	case 41002:
		c = entry{Caller, no, "corpid missing"}
	case 41004:
		c = entry{Caller, no, "corpsecret missing"}
	case 42012:
		c = entry{Caller, false, "ticket not available"}
	case 45033:
		c = entry{Busy, false, "too many calls at once"}
	case 48002:
		c = entry{Caller, false, "API not allowed"}
	case 60011:
		c = entry{Caller, false, "no permission for this member, department or tag"}
	case 60020:
		c = entry{Denied, no, "IP not trusted"}
	case 830002:
		c = entry{Caller, false, "media too big, use Range"}
	default:
		return entry{}, false
	}
	return c, true
}

// both is what the two tables share.
func both(code int) (entry, bool) {
	switch code {
	case 0:
		return entry{OK, false, "ok"}, true
	case -1:
		return entry{Busy, false, "system busy"}, true
	case 410, 48017:
		return entry{Retired, false, "access point retired"}, true
	case 45009:
		return entry{Limited, no, "quota used up"}, true
	}
	return entry{}, false
}
