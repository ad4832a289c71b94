package stats

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const maxFailures = 50

// failures keeps the last calls that failed. It is a sample: if two fail at the
// very same moment, one may be left out.
type failures struct{ *recent[Failure] }

func newFailures() failures { return failures{newRecent[Failure](maxFailures)} }

// Failure is one failed call.
type Failure struct {
	At      time.Time `json:"at"`
	Client  string    `json:"client,omitempty"`
	Account string    `json:"account,omitempty"`
	Method  string    `json:"method"`
	// Path is the decoded path without its query, at most 200 bytes.
	Path    string `json:"path"`
	Status  int    `json:"status"`
	Errcode int    `json:"errcode,omitempty"`
	// Name is the errcode's short name.
	Name string `json:"name,omitempty"`
	RID  string `json:"rid,omitempty"`
	Host string `json:"host,omitempty"`
	// TookMS is the whole call's time in milliseconds.
	TookMS   float64 `json:"took_ms"`
	Attempts int     `json:"attempts,omitempty"`
	ID       string  `json:"id,omitempty"`
	Error    string  `json:"error,omitempty"`
}

func (f failures) add(c *Call) {
	f.tryAdd(func() Failure {
		name := ""
		if c.Errcode != 0 {
			name = errcode.Name(c.Platform, c.Errcode)
		}
		return Failure{
			At: c.At.UTC(), Client: Clip(c.Client, 100), Account: Clip(c.Account, 100),
			Method: Clip(c.Method, 16), Path: Clip(c.Path, 200), Status: c.Status, Errcode: c.Errcode,
			Name: name, RID: Clip(c.RID, 64), Host: Clip(c.Host, 100),
			TookMS: millis(c.Took), Attempts: c.Attempts, ID: Clip(c.ID, 64), Error: Clip(c.Err, 300),
		}
	})
}
