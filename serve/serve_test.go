package serve

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
)

// closing is a store that is only closed.
type closing struct {
	token.Store
	closed chan struct{}
}

func (c closing) Close() error {
	close(c.closed)
	return nil
}

// What runs beside the listeners, a reload for example, uses the app until it
// ends.
func TestWaitClosesTheAppLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		store := closing{closed: make(chan struct{})}
		s := &Server{
			app: &app{log: slog.New(slog.DiscardHandler), store: store}, cfg: &config.Config{ShutdownGrace: time.Second},
			clients: &http.Server{}, admins: &http.Server{}, stop: stop,
		}
		s.running.Go(func() {
			<-ctx.Done()
			synctest.Wait()
			select {
			case <-store.closed:
				t.Error("the app was closed while a goroutine still used it")
			default:
			}
		})
		ended, end := context.WithCancel(t.Context())
		end()
		if err := s.Wait(ended); err != nil {
			t.Error(err)
		}
		select {
		case <-store.closed:
		default:
			t.Error("the app was not closed")
		}
	})
}
