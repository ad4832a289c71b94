package wechattest

import "time"

// limit is the quota of one path; 0 is no limit.
type limit struct{ perDay, perMinute int }

// documentedLimits returns the limits that WeChat publishes for its token
// endpoints.
func documentedLimits() map[string]limit {
	return map[string]limit{
		legacyPath: {perDay: 2000},
		stablePath: {perDay: 500_000, perMinute: 10_000},
	}
}

type usageKey struct {
	acct *account
	path string
}

// usage counts one account's calls of one path.
type usage struct {
	day      string
	used     int
	minute   int64
	inMinute int
}

// use counts a call at now. It returns the errcode if the limit is reached, else
// 0.
func (u *usage) use(l limit, now time.Time) int {
	u.roll(now)
	switch {
	case l.perDay > 0 && u.used >= l.perDay:
		return 45009
	case l.perMinute > 0 && u.inMinute >= l.perMinute:
		return 45011
	}
	u.used++
	u.inMinute++
	return 0
}

// roll resets the counts when a new day begins in Beijing, or a new minute.
func (u *usage) roll(now time.Time) {
	if d := day(now); d != u.day {
		u.day, u.used = d, 0
	}
	if m := minute(now); m != u.minute {
		u.minute, u.inMinute = m, 0
	}
}

// Quota limits each account's calls of path, which may be a token endpoint.
// Beyond perDay calls get 45009 until midnight in Beijing, beyond perMinute they
// get 45011 until the clock's next minute. 0 is no limit.
func (s *Server) Quota(path string, perDay, perMinute int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[path] = limit{perDay, perMinute}
}

// maxUsages is how many pairs of account and path are counted. Beyond it only
// those with a limit are.
const maxUsages = 10_000

// useQuotaLocked counts a call against the quota. It returns the errcode, 0 if
// the call is within the limit.
func (s *Server) useQuotaLocked(a *account, path string, now time.Time) int {
	l, limited := s.limits[path]
	key := usageKey{a, path}
	u := s.usages[key]
	if u == nil {
		if len(s.usages) >= maxUsages && !limited {
			return 0
		}
		u = new(usage)
		s.usages[key] = u
	}
	return u.use(l, now)
}

// quotaGet serves /cgi-bin/openapi/quota/get: the rest of a path's
// quota.
func (s *Server) quotaGet(q *request) answer {
	var in struct {
		Path string `json:"cgi_path"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	switch groupOf(q.platform, in.Path) {
	case unknownGroup:
		return q.fail(76021)
	case secretGroup, userGroup, openGroup:
		return q.fail(76022)
	}
	s.mu.Lock()
	l := s.limits[in.Path]
	var u usage
	if p := s.usages[usageKey{q.acct, in.Path}]; p != nil {
		u = *p
	}
	s.mu.Unlock()
	u.roll(q.now)
	if l.perDay == 0 {
		l.perDay = 100_000
	}
	type rate struct {
		Count  int `json:"call_count"`
		Second int `json:"refresh_second"`
	}
	return q.success("quota", struct {
		Limit  int `json:"daily_limit"`
		Used   int `json:"used"`
		Remain int `json:"remain"`
	}{l.perDay, u.used, max(0, l.perDay-u.used)}, "rate_limit", rate{l.perMinute, 60})
}

// maxClears is how often quotas may be cleared in a month (WeChat docs:
// "clear_quota").
const maxClears = 10

// clearQuota serves /cgi-bin/clear_quota.
func (s *Server) clearQuota(q *request) answer {
	var in struct {
		AppID string `json:"appid"`
	}
	if code := q.decode(&in); code != 0 {
		return q.fail(code)
	}
	if in.AppID != q.acct.AppID {
		return q.fail(40013)
	}
	return s.clearUsage(q)
}

// clearQuotaV2 serves /cgi-bin/clear_quota/v2, which takes the secret instead of a
// token. WeChat's documents disagree on where it goes: the body and the query
// both work.
func (s *Server) clearQuotaV2(q *request) answer {
	var in struct {
		AppID  string `json:"appid"`
		Secret string `json:"appsecret"`
	}
	if code := q.decode(&in); code != 0 && q.param("appid") == "" {
		return q.fail(code)
	}
	if in.AppID == "" {
		in.AppID, in.Secret = q.param("appid"), q.param("appsecret")
	}
	if code := s.login(q, in.AppID, in.Secret, 40125); code != 0 {
		return q.fail(code)
	}
	return s.clearUsage(q)
}

func (s *Server) clearUsage(q *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := q.acct
	if m := month(q.now); m != a.clearMonth {
		a.clearMonth, a.clearUsed = m, 0
	}
	if a.clearUsed >= maxClears {
		return q.fail(48006)
	}
	a.clearUsed++
	for key := range s.usages {
		if key.acct == a {
			delete(s.usages, key)
		}
	}
	return q.success()
}
