package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config"
)

const ridPath = "/cgi-bin/openapi/rid/get"

// ridForm is wider than what WeChat writes, "617682e0-21ea79ab-3a4424cd".
var ridForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// explain asks WeChat what it knows of a failed call that account made, by the
// rid of its answer ("Get rid information" in WeChat's server API docs; it can
// be asked for seven days, with a token of the same account). It returns
// WeChat's answer as JSON, with *** for every token and secret. WeChat's no is
// an *errcode.Error, an account that is not there token.ErrUnknown.
func (a *app) explain(ctx context.Context, account, rid string) ([]byte, error) {
	if !ridForm.MatchString(rid) {
		return nil, errors.New("this is no rid: WeChat writes one at the end of errmsg, such as 617682e0-21ea79ab-3a4424cd")
	}
	doc, clean, err := a.ask(ctx, account, ridPath, map[string]string{"rid": rid})
	if err != nil {
		return nil, err
	}
	return clean.document(doc)
}

// explainCommand asks the proxy that runs with the same settings what WeChat
// knows of a rid, and prints WeChat's answer.
func explainCommand(ctx context.Context, e env, args []string, stdout io.Writer) error {
	flags := flagSet("explain")
	account := flags.String("account", "", "")
	if err := parse(flags, args, 1); err != nil {
		return err
	}
	rid := flags.Arg(0)
	if !ridForm.MatchString(rid) {
		return usage("explain: %q is no rid: WeChat writes one at the end of errmsg, such as 617682e0-21ea79ab-3a4424cd", rid)
	}
	cfg, _, err := config.Load(e.lookup, e.all)
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
		return usage("explain: there are several accounts: say -account NAME")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout+5*time.Second)
	defer cancel()
	doc, err := askProxy(ctx, cfg, *account, rid)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, doc, "", "  "); err != nil {
		return errors.New("what the proxy answered is no JSON")
	}
	_, err = fmt.Fprintln(stdout, strings.TrimSpace(pretty.String()))
	return err
}

// askProxy has a running proxy explain a rid.
func askProxy(ctx context.Context, cfg *config.Config, account, rid string) ([]byte, error) {
	body, _ := json.Marshal(map[string]string{"rid": rid}) // cannot fail
	address := "http://" + reachable(cfg.AdminListen) + "/api/accounts/" + url.PathEscape(account) + "/explain"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("PROXY_ADMIN_LISTEN: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if !cfg.AdminKey.IsZero() {
		req.Header.Set("Authorization", "Bearer "+cfg.AdminKey.Reveal())
	}
	t := &http.Transport{} // no proxy of the environment's
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("no proxy answers at %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 2*maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp.StatusCode, doc)
	}
	return doc, nil
}

// refusal is what the admin address said instead of an answer.
func refusal(status int, doc []byte) error {
	var said struct {
		Error struct {
			Message string  `json:"message"`
			Errcode int     `json:"errcode"`
			Errmsg  string  `json:"errmsg"`
			Advice  *Remedy `json:"advice"`
		} `json:"error"`
	}
	if json.Unmarshal(doc, &said) != nil || said.Error.Message == "" {
		return fmt.Errorf("the proxy answers with HTTP status %d", status)
	}
	words := said.Error.Message
	if said.Error.Errcode != 0 {
		words += fmt.Sprintf(": %d %s", said.Error.Errcode, said.Error.Errmsg)
	}
	if a := said.Error.Advice; a != nil && a.EN != "" {
		words += "\n  → " + a.EN + "\n  → " + a.ZH
	}
	return errors.New(words)
}

// reachable is where something that listens at address can be called from this
// machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
