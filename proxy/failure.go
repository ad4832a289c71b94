package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/answer"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat"
)

// failure says what a call's error means to its client.
func failure(err error) *answer.Refusal {
	var unavailable *token.Unavailable
	var road *wechat.Failure
	switch {
	case errors.Is(err, errTooLong):
		return &answer.Refusal{Status: http.StatusRequestEntityTooLarge, Message: "the request body is too long", Err: err}
	case errors.Is(err, errSlow):
		return &answer.Refusal{Status: http.StatusRequestTimeout, Message: "the request body arrived too slowly", Err: err}
	case errors.Is(err, errCutShort):
		return &answer.Refusal{Status: http.StatusBadRequest, Message: "the request body is incomplete", Err: err}
	case errors.Is(err, errNotKept):
		return &answer.Refusal{Status: http.StatusServiceUnavailable, Kind: "proxy_internal_error", Message: "cannot store the request body: it has no Content-Length, and the disk is full or missing", RetryAfter: time.Second, Err: err}
	case errors.As(err, &unavailable):
		return &answer.Refusal{
			Status: http.StatusServiceUnavailable, Kind: "destination_unavailable",
			Message: fmt.Sprintf("cannot get %s: %v", unavailable.Key, unavailable.Err), RetryAfter: unavailable.RetryAfter, Err: err,
		}
	case errors.As(err, &road):
		return roadFailure(road)
	case errors.Is(err, context.DeadlineExceeded):
		return &answer.Refusal{Status: http.StatusGatewayTimeout, Kind: "http_response_timeout", Message: "WeChat did not answer in time", Err: err}
	}
	return &answer.Refusal{Status: http.StatusBadGateway, Kind: "proxy_internal_error", Message: "cannot send the call", Err: err}
}

// roadFailure is the answer for a call that brought none from WeChat, in the
// words that everybody uses for it. Which host it was, the log says.
func roadFailure(f *wechat.Failure) *answer.Refusal {
	r := &answer.Refusal{Status: http.StatusBadGateway, Kind: f.ProxyStatus(), Err: f}
	switch {
	case f.Kind == wechat.BreakerOpen:
		r.Status, r.Message = http.StatusServiceUnavailable, "WeChat failed several times in a row: "+f.Words()
	case f.Kind == wechat.Timeout && f.Egress == "":
		r.Status, r.Message = http.StatusGatewayTimeout, "WeChat did not answer in time"
	case f.Kind == wechat.Timeout || f.Kind == wechat.Stalled:
		r.Status, r.Message = http.StatusGatewayTimeout, "no answer from WeChat: "+f.Words()
	case f.Connect():
		r.Message = "cannot reach WeChat: " + f.Words()
	default:
		r.Message = "no answer from WeChat: " + f.Words()
	}
	return r
}

// refusalIn returns the answer of ours that err is, or holds; nil: none.
func refusalIn(err error) *answer.Refusal {
	if err == nil {
		return nil // nearly always: a good call allocates nothing for this
	}
	var r *answer.Refusal
	errors.As(err, &r)
	return r
}
