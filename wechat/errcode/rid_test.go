package errcode

import (
	"strings"
	"testing"
)

func TestCheckRID(t *testing.T) {
	for rid, ok := range map[string]bool{
		"617682e0-21ea79ab-3a4424cd": true, "a": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "617682e0 21ea79ab": false, "a\n": false, "a_b": false,
	} {
		if err := CheckRID(rid); (err == nil) != ok {
			t.Errorf("%q: %v", rid, err)
		}
	}
}
