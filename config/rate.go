package config

import (
	"errors"
	"math"
	"regexp"
	"strconv"
)

var rateForm = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,6})?)/([smh])(?: burst ([0-9]{1,9}))?$`)

// parseRate reads "50/s", "100/m", "10/h", each perhaps with " burst 100". It
// returns calls per second and how many may come at once, by default those of
// one second, at least one.
func parseRate(s string) (perSecond float64, burst int, err error) {
	m := rateForm.FindStringSubmatch(s)
	if m == nil {
		return 0, 0, errors.New(`not a rate such as 50/s, 100/m, 10/h or "50/s burst 100"`)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n <= 0 {
		return 0, 0, errors.New("must be above zero; leave it out for no limit")
	}
	perSecond = n / map[string]float64{"s": 1, "m": 60, "h": 3600}[m[2]]
	if m[3] == "" {
		return perSecond, max(1, int(math.Ceil(perSecond))), nil
	}
	burst, err = strconv.Atoi(m[3])
	if err != nil || burst < 1 {
		return 0, 0, errors.New("a burst must be at least 1")
	}
	return perSecond, burst, nil
}
