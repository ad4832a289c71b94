// Command wechat-token-proxy stands beside back ends that talk to WeChat. They
// send it plain API calls, with no secret and no token; it puts the right
// credential in, keeps that alive, and sends a call again whose token WeChat
// refused.
//
// Map: main.go the commands; serve.go listeners, from start to shutdown;
// app.go what is served, put together from the settings, and put together again
// when they change; certs.go TLS files; logs.go and trace.go how things are told;
// sandbox.go WeChat built in; check.go, checker.go and advice.go what works and
// what to do; ask.go questions to WeChat of our own: explain.go what became of a
// call, quota.go what is left of the day's; scrub.go takes secrets out of the
// answers; import.go what an SDK left in Redis.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for did not work
	exitUsage  = 2 // called or configured wrongly
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run does what the command line asks for and returns the exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	env := environment(environ)
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	var err error
	switch command {
	case "", "serve":
		err = noMore(args, func() error { return serve(ctx, env, stderr) })
	case "sandbox":
		err = noMore(args, func() error { return sandbox(ctx, env, stdout, stderr) })
	case "check":
		err = check(ctx, env, args, stdout)
	case "import":
		err = importTokens(ctx, env, args, stdout)
	case "explain":
		err = explainCommand(ctx, env, args, stdout)
	case "healthcheck":
		err = noMore(args, func() error { return healthcheck(ctx, env) })
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, version())
	case "help", "-h", "-help", "--help":
		help(stdout)
	default:
		err = usage("there is no command %q; there are: %s", command, commands)
	}
	return exit(err, stderr)
}

const commands = "serve (the same as none), sandbox, check, explain, import, healthcheck, version, help"

// usageError says that the program was called wrongly.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func noMore(args []string, f func() error) error {
	if len(args) > 0 {
		return usage("this command takes no argument, but there is %q", args[0])
	}
	return f()
}

// exit says what went wrong, if anything did, and returns the exit code.
func exit(err error, stderr io.Writer) int {
	var wrongly usageError
	var problems config.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errTold):
		return exitFailed
	case errors.As(err, &wrongly), errors.As(err, &problems):
		fmt.Fprintln(stderr, "wechat-token-proxy:", err)
		return exitUsage
	default:
		fmt.Fprintln(stderr, "wechat-token-proxy:", err)
		return exitFailed
	}
}

// errTold is a failure that has been told already.
var errTold = errors.New("failed")

func help(w io.Writer) {
	fmt.Fprint(w, `wechat-token-proxy [command]

Commands
  (none), serve  serve, with the settings of the environment
  sandbox        serve in front of a built-in WeChat: no account, no network
  check [-json]  load the settings, get a token for each account, and say in
                 plain words what WeChat answered and what to do
  explain [-account NAME] RID
                 ask WeChat, through the running proxy, what became of a call;
                 the rid stands at the end of WeChat's errmsg
  import [-json] [-account NAME] URL
                 look for tokens that an SDK left in Redis, and take them over:
                 wechat-token-proxy import redis://host:6379/0
  healthcheck    ask the admin address whether this proxy is ready
  version        what this is
  help           this

Settings (environment variables)
`)
	config.Help(w)
	fmt.Fprint(w, "\nExit codes: 0 well, 1 failed, 2 called or configured wrongly.\n")
}

// env is the environment, as the settings are read from it.
type env struct {
	all  []string
	vars map[string]string
}

func environment(environ []string) env {
	e := env{all: environ, vars: make(map[string]string, len(environ))}
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok {
			e.vars[name] = value
		}
	}
	return e
}

func (e env) lookup(name string) (string, bool) {
	v, ok := e.vars[name]
	return v, ok
}

// with is e with other values for some variables.
func (e env) with(values ...string) env {
	return environment(append(e.all[:len(e.all):len(e.all)], values...))
}
