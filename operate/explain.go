package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

// explainTimeout is longer than the proxy gives WeChat.
const explainTimeout = 25 * time.Second

// Explain asks the proxy that runs with the same settings what WeChat knows of a
// rid, and prints WeChat's answer.
func Explain(ctx context.Context, environ config.Environ, args []string, stdout io.Writer) error {
	flags := flagSet("explain")
	account := flags.String("account", "", "")
	if err := parse(flags, args, 1); err != nil {
		return err
	}
	rid := flags.Arg(0)
	if err := errcode.CheckRID(rid); err != nil {
		return Usagef("explain: %w", err) // not quoted: it may be a secret
	}
	cfg, _, err := config.Load(environ.Lookup, environ)
	if err != nil {
		return err
	}
	if *account == "" {
		*account = cfg.DefaultAccount
	}
	switch {
	case *account == "" && len(cfg.Accounts) == 1:
		*account = cfg.Accounts[0].Name
	case *account == "":
		return Usagef("explain: several accounts are configured: choose one with -account NAME")
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"rid": rid}) // cannot fail
	status, answer, err := askRunning(ctx, cfg.AdminListen, "/api/accounts/"+url.PathEscape(*account)+"/explain", string(body), cfg.AdminKey)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return adminError(status, answer)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, answer, "", "  "); err != nil {
		return errors.New("the proxy's answer is not JSON")
	}
	_, err = fmt.Fprintln(stdout, strings.TrimSpace(pretty.String()))
	return err
}

// adminError returns the error that the admin address answered with.
func adminError(status int, answer []byte) error {
	var doc struct {
		Error struct {
			Message string  `json:"message"`
			Errcode int     `json:"errcode"`
			Errmsg  string  `json:"errmsg"`
			Advice  *Remedy `json:"advice"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &doc) != nil || doc.Error.Message == "" {
		return fmt.Errorf("the proxy answers with HTTP status %d", status)
	}
	text := doc.Error.Message
	if doc.Error.Errcode != 0 {
		text += fmt.Sprintf(": %d %s", doc.Error.Errcode, doc.Error.Errmsg)
	}
	if a := doc.Error.Advice; a != nil && a.EN != "" {
		text += "\n  → " + a.EN + "\n  → " + a.ZH
	}
	return errors.New(text)
}
