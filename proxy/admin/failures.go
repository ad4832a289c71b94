package admin

import (
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/wechat/errcode"
)

const mostFailures = 50

// failures keeps the last calls that failed. It is a sample: where two fail at
// the very same moment, one may be left out.
type failures struct{ *ring[failureRow] }

// failureRow is one failed call.
type failureRow struct {
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
	f.tryAdd(func() failureRow {
		return failureRow{
			At: c.At.UTC(), Client: clip(c.Client, 100), Account: clip(c.Account, 100),
			Method: clip(c.Method, 16), Path: clip(c.Path, 200), Status: c.Status, Errcode: c.Errcode,
			Name: codeName(c), RID: clip(c.RID, 64), Host: clip(c.Host, 100),
			TookMS: *millis(c.Took), Attempts: c.Attempts, ID: clip(c.ID, 64), Error: clip(c.Err, 300),
		}
	})
}

func codeName(c *Call) string {
	if c.Errcode == 0 {
		return ""
	}
	return errcode.Name(platform(c.Platform), c.Errcode)
}
