package operate

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

// Commands lists all commands of the program.
const Commands = "serve (the default), sandbox, check, explain, import, healthcheck, version, help"

// Help writes the commands and settings of the program.
func Help(w io.Writer) {
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
  version        print the version
  help           print this help

Settings (environment variables)
`)
	config.Help(w)
	fmt.Fprint(w, "\nExit codes: 0 success, 1 failure, 2 usage or configuration error.\n")
}

// ErrReported says that a command failed and that its output says why.
var ErrReported = errors.New("failed")

// UsageError says that the program was called wrongly.
type UsageError struct{ Err error }

// Error returns what is wrong.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a [*UsageError], formatted as by [fmt.Errorf].
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// NoArguments returns a [*UsageError] if there are arguments. It quotes none: one
// may be a secret.
func NoArguments(command string, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no arguments", command)
	}
	return nil
}

// flagSet returns an empty set of flags that prints nothing itself.
func flagSet(command string) *flag.FlagSet {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse reads args: first the flags, then exactly want arguments.
func parse(f *flag.FlagSet, args []string, want int) error {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return Usagef(`%s: run "wechat-token-proxy help" for usage`, f.Name())
	case err != nil:
		return Usagef("%s: %w", f.Name(), err)
	case f.NArg() > want:
		return Usagef("%s: too many arguments; flags go first", f.Name()) // not quoted: one may be a secret
	case f.NArg() < want:
		return Usagef(`%s: argument missing; run "wechat-token-proxy help" for usage`, f.Name())
	}
	return nil
}

// printReport prints what a command found, as text or JSON. It returns
// [ErrReported] if that is not ok.
func printReport(w io.Writer, report interface{ text() string }, ok, asJSON bool) error {
	var err error
	if asJSON {
		err = printJSON(w, report)
	} else {
		_, err = io.WriteString(w, report.text())
	}
	if err == nil && !ok {
		err = ErrReported
	}
	return err
}

// printJSON writes v as an indented document.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
