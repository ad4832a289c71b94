package serve

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/token"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// newLogger returns the logger of the settings: for people on a terminal, JSON
// elsewhere.
func newLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	terminal := isTerminal(w)
	if format == config.LogText || format == config.LogAuto && terminal {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: inSeconds}))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// inSeconds writes durations as a number of seconds, which every log store can
// compare.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Round(time.Microsecond).Seconds())
	}
	return a
}

// serverLog returns the logger for net/http's server. Its lines quote what
// clients sent, so none of them is printed; at debug level the log says only
// that there was one. Most are about clients that hang up or do not speak TLS.
func serverLog(l *slog.Logger) *log.Logger { return log.New(muted{l}, "", 0) }

type muted struct{ log *slog.Logger }

func (m muted) Write(p []byte) (int, error) {
	m.log.Debug("server", "err", "net/http reported an error on a client's connection; its text may quote the client and is not logged")
	return len(p), nil
}

// logToken logs what happened to a credential.
func logToken(l *slog.Logger, e token.Event) {
	attrs := []slog.Attr{slog.String("account", e.Key.Account), slog.String("kind", string(e.Key.Kind))}
	level, message := slog.LevelInfo, string(e.Type)
	switch e.Type {
	case token.EventRenewal:
		attrs = append(attrs, slog.String("cause", string(e.Cause)), slog.String("result", string(e.Result)),
			slog.Duration("took", e.Took), slog.Duration("left", e.Left.Round(time.Second)))
		if e.Err != nil {
			level = slog.LevelWarn
		}
	case token.EventRejection:
		attrs = append(attrs, slog.Int("errcode", e.Errcode), slog.String("step", e.Step))
	case token.EventCooldown:
		level = slog.LevelWarn
		attrs = append(attrs, slog.Duration("left", e.Took))
	case token.EventRogue:
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("hint", "another program fetches this account's token with the legacy API and so ends ours: find it, or set WECHAT_TOKEN_API=stable"))
	case token.EventStore:
		attrs = append(attrs, slog.String("step", e.Step))
		switch {
		case e.Err != nil && e.Step == "":
			level = slog.LevelDebug // the store is known to be down
		case e.Err != nil:
			level = slog.LevelWarn
		}
	case token.EventBudget:
		level = slog.LevelWarn
	}
	var no *errcode.Error
	if errors.As(e.Err, &no) {
		attrs = append(attrs, slog.Int("errcode", no.Code))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("err", e.Err.Error()))
	}
	l.LogAttrs(context.Background(), level, message, attrs...)
}
