package main

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
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

// inSeconds writes durations as seconds: a number that every log store can
// compare.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Round(time.Microsecond).Seconds())
	}
	return a
}

// serverLog is where net/http writes what it has to complain about.
func serverLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(serverHandler{l.Handler()}, slog.LevelWarn)
}

// serverHandler makes net/http's noise about clients that hang up, or do not
// speak TLS, a matter of debugging.
type serverHandler struct{ slog.Handler }

func (h serverHandler) Handle(ctx context.Context, r slog.Record) error {
	level := slog.LevelDebug
	if strings.Contains(r.Message, "panic") {
		level = slog.LevelError
	}
	if !h.Enabled(ctx, level) {
		return nil
	}
	quiet := slog.NewRecord(r.Time, level, "server", r.PC)
	quiet.AddAttrs(slog.String("err", strings.TrimSpace(r.Message)))
	return h.Handler.Handle(ctx, quiet)
}

// logToken tells what happened to a credential.
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
		attrs = append(attrs, slog.String("hint", "somebody else fetches this account's token with WECHAT_TOKEN_API=legacy: find them, or use stable"))
	case token.EventStore:
		attrs = append(attrs, slog.String("step", e.Step))
		switch {
		case e.Err != nil && e.Step == "":
			level = slog.LevelDebug // once it is down, each failure says the same
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

// build is what this program was built from.
type build struct{ version, revision, goVersion string }

func readBuild() build {
	b := build{version: "(devel)", goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.revision = s.Value
		}
	}
	return b
}

func version() string {
	b := readBuild()
	s := "wechat-token-proxy " + b.version
	if b.revision != "" {
		s += " " + b.revision
	}
	return s + " " + b.goVersion
}
