package serve

import (
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy"
	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// tokenEvent logs what happened to a credential, and counts it.
func (a *app) tokenEvent(e token.Event) {
	if e.Type == token.EventStore && (e.Step == "up" || e.Step == "down") {
		a.storeUp.Store(e.Step == "up")
	}
	logToken(a.log, e)
	a.admin.Token(e)
}

// breakerChanged logs and counts that a host's breaker changed its state. It is
// called with the breaker locked, so it must not wait for the log.
func (a *app) breakerChanged(host, from, to string) {
	a.breakers.add(breakerChange{host, from, to})
	a.admin.Breaker(host, from, to)
}

// called traces and counts a finished call.
func (a *app) called(r proxy.Record) {
	a.tracer.call(r)
	a.quotas.called(r)
	a.admin.Call(stats.Call{
		At: r.At.Add(r.Took), Client: r.Client, Account: r.Account, Platform: r.Platform, Method: r.Method, Class: r.Class, Path: r.Path,
		Status: r.Status, Errcode: r.Errcode, RID: r.RID, Host: r.Host, Took: r.Took, Upstream: r.AtWeChat, Wait: r.Waited,
		Attempts: r.Sends, Renewed: r.Renewed, BytesIn: r.BytesIn, BytesOut: r.BytesOut, ID: r.ID, Err: r.Err,
	})
}
