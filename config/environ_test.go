package config

import "testing"

func TestEnviron(t *testing.T) {
	e := Environ{"A=1", "B=x=y", "odd", "A=2", "EMPTY="}
	more := e.With("B=z", "C=3")
	for _, c := range []struct {
		e    Environ
		name string
		want string
		ok   bool
	}{
		{e, "A", "2", true},
		{e, "B", "x=y", true},
		{e, "EMPTY", "", true},
		{e, "odd", "", false},
		{e, "C", "", false},
		{nil, "A", "", false},
		{more, "A", "2", true},
		{more, "B", "z", true},
		{more, "C", "3", true},
	} {
		if got, ok := c.e.Lookup(c.name); got != c.want || ok != c.ok {
			t.Errorf("%s of %q: %q, %v", c.name, c.e, got, ok)
		}
	}
}
