package wechattest

import (
	"net/http"
	"time"
)

// Advance moves the simulated clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.offset.Add(int64(d)) }

// Now returns the simulated time.
func (s *Server) Now() time.Time {
	return s.opts.Now().Add(time.Duration(s.offset.Load()))
}

// beijing returns t in Beijing, where WeChat's days begin and end.
func beijing(t time.Time) time.Time { return t.In(time.FixedZone("CST", 8*60*60)) }

func day(t time.Time) string   { return beijing(t).Format(time.DateOnly) }
func month(t time.Time) string { return beijing(t).Format("2006-01") }
func minute(t time.Time) int64 { return t.Unix() / 60 }
func hour(t time.Time) int64   { return t.Unix() / 3600 }

func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
