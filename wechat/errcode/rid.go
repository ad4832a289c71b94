package errcode

import (
	"errors"
	"regexp"
)

var ridForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// CheckRID returns an error, which does not quote s, unless s may be a rid. That
// is wider than what WeChat writes, "617682e0-21ea79ab-3a4424cd".
func CheckRID(s string) error {
	if !ridForm.MatchString(s) {
		return errors.New("not a rid: WeChat writes one at the end of errmsg, such as 617682e0-21ea79ab-3a4424cd")
	}
	return nil
}
