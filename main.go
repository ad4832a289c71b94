// Command wechat-token-proxy keeps WeChat access_tokens alive. Programs send it
// plain WeChat API calls, with no secret and no token; it adds the right
// credential, keeps that alive, and repeats a call whose token WeChat rejected.
//
// Map:
//
//	main.go  the command line: which command, which exit code
//
// The rest is in packages: serve is a running proxy, operate the commands beside
// it, config the settings, proxy a client's call, token the life of a
// credential, wechat what is known of WeChat.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/operate"
	"github.com/wechat-token-proxy/wechat-token-proxy/serve"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // failure
	exitUsage  = 2 // usage or configuration error
)

func main() {
	// net/http's transport prints to it what servers send, and servers may send our
	// tokens back. What is worth saying goes through slog, in our own words.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run runs the command of the command line and returns the exit code.
func run(ctx context.Context, args []string, environ config.Environ, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	err := runCommand(ctx, command, args, environ, stdout, stderr)
	if err != nil && !errors.Is(err, operate.ErrReported) {
		fmt.Fprintln(stderr, "wechat-token-proxy:", err)
	}
	return exitCode(err)
}

func runCommand(ctx context.Context, command string, args []string, environ config.Environ, stdout, stderr io.Writer) error {
	switch command {
	case "", "serve", "sandbox", "healthcheck":
		if err := operate.NoArguments(cmp.Or(command, "serve"), args); err != nil {
			return err
		}
	}
	switch command {
	case "", "serve":
		return serve.Run(ctx, environ, stderr)
	case "sandbox":
		return serve.Sandbox(ctx, environ, stdout, stderr)
	case "check":
		return operate.Check(ctx, environ, args, stdout)
	case "import":
		return operate.Import(ctx, environ, args, stdout)
	case "explain":
		return operate.Explain(ctx, environ, args, stdout)
	case "healthcheck":
		return operate.Healthcheck(ctx, environ)
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, serve.Version())
	case "help", "-h", "-help", "--help":
		operate.Help(stdout)
	default:
		return operate.Usagef("unknown command %q; commands: %s", command, operate.Commands)
	}
	return nil
}

func exitCode(err error) int {
	var usage *operate.UsageError
	var problems config.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.As(err, &problems):
		return exitUsage
	default:
		return exitFailed
	}
}
