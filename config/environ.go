package config

import (
	"slices"
	"strings"
)

// Environ is an environment in the form of [os.Environ]: "NAME=value".
type Environ []string

// Lookup returns the value of a variable, like [os.LookupEnv]. If the variable
// is there more than once, the last one counts.
func (e Environ) Lookup(name string) (value string, ok bool) {
	for _, v := range slices.Backward(e) {
		if n, value, ok := strings.Cut(v, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}

// With returns a copy of e with more variables, which replace those of the same
// name.
func (e Environ) With(variables ...string) Environ { return slices.Concat(e, variables) }
