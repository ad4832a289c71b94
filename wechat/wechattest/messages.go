package wechattest

// message returns WeChat's errmsg for an errcode. WeChat changes these texts:
// programs should not depend on them.
func message(code int) string {
	switch code {
	case -1:
		return "system error"
	case 40001:
		return "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
	case 40002:
		return "invalid grant_type"
	case 40003:
		return "invalid openid"
	case 40004:
		return "invalid media type"
	case 40005:
		return "invalid file type"
	case 40006:
		return "invalid media size"
	case 40007:
		return "invalid media_id"
	case 40013:
		return "invalid appid"
	case 40014:
		return "invalid access_token"
	case 40029:
		return "invalid code"
	case 40030:
		return "invalid refresh_token"
	case 40037:
		return "invalid template_id"
	case 40097:
		return "invalid args"
	case 40125:
		return "invalid appsecret"
	case 40129:
		return "invalid scene"
	case 40159:
		return "invalid length for path, or the data is not json string"
	case 40163:
		return "code been used"
	case 40164:
		return "invalid ip %s ipv6 ::ffff:%s, not in whitelist"
	case 40243:
		return "invalid appsecret, appsecret is frozen"
	}
	return moreMessages(code)
}

func moreMessages(code int) string {
	switch code {
	case 41001:
		return "access_token missing"
	case 41002:
		return "appid missing"
	case 41004:
		return "appsecret missing"
	case 41005:
		return "media data missing"
	case 41008:
		return "missing code"
	case 42001:
		return "access_token expired"
	case 43001:
		return "require GET method"
	case 43002:
		return "require POST method"
	case 44001:
		return "empty media data"
	case 44002:
		return "empty post data"
	case 45001:
		return "media size out of limit"
	case 45002:
		return "content size out of limit"
	case 45009:
		return "reach max api daily quota limit"
	case 45011:
		return "api minute-quota reach limit, must slower, retry next minute"
	case 47001:
		return "data format error"
	case 48001:
		return "api unauthorized"
	case 48006:
		return "forbid to clear quota because of reaching the limit"
	case 48017:
		return "the access point ip is offline"
	case 61014:
		return "must use component token for component api"
	case 76001:
		return "rid not found"
	case 76002:
		return "rid is malformed"
	case 76003:
		return "rid permission denied"
	case 76021:
		return "cgi_path not found"
	case 76022:
		return "could not use this cgi_path, no permission"
	}
	return "error"
}

// weComMessage is message for WeCom.
func weComMessage(code int) string {
	switch code {
	case 40001:
		return "invalid credential"
	case 40013:
		return "invalid corpid"
	case 40056:
		return "invalid agentid"
	case 41002:
		return "corpid missing"
	case 41004:
		return "corpsecret missing"
	case 41011:
		return "missing agentid"
	case 45009:
		return "api freq out of limit"
	case 48002:
		return "API forbidden"
	case 60020:
		return "not allow to access from your ip"
	case 82001:
		return "All touser & toparty & totag invalid"
	case 93000:
		return "invalid webhook url"
	case 830002:
		return "media is too big, use Range"
	}
	return message(code)
}
