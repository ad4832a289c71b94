package proxy

// route is what a path wants from us.
type route struct {
	class  string // bounded name for metrics: see classes
	inject injection
}

// injection says which of our credentials a path gets.
type injection int

const (
	injectToken   injection = iota // access_token in the query: nearly everything
	injectSecret                   // appid and secret: /sns/jscode2session, /sns/oauth2/access_token
	injectAppID                    // appid only: /sns/oauth2/refresh_token
	injectNothing                  // the client's own: /sns/userinfo, /sns/auth, WeCom webhooks
)
