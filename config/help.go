package config

import (
	"fmt"
	"io"
	"strings"
)

// Help lists the variables, each with its default and its meaning.
func Help(w io.Writer) {
	var b strings.Builder
	for _, v := range knownVariables() {
		fmt.Fprintf(&b, "  %s\n      %s\n", v.name, v.help)
		if v.standard != "" {
			fmt.Fprintf(&b, "      default: %s\n", v.standard)
		}
	}
	_, _ = io.WriteString(w, b.String())
}
