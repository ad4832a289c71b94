package config

import (
	"fmt"
	"slices"
	"strings"
)

// unknownVariables warns about variables that look like ours and are not, with
// the nearest name that is. It is no error: Kubernetes sets PROXY_PORT and
// others for a service named proxy.
func unknownVariables(environ []string, known []string) []string {
	var warnings []string
	for _, setting := range environ {
		name, _, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(name, "WECHAT_") && !strings.HasPrefix(name, "PROXY_") || slices.Contains(known, name) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("%s is not a variable of this program%s", quoteIfOdd(name), didYouMean(name, known)))
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

// didYouMean returns ". Did you mean X?" with the nearest of known, or "" if
// none is near.
func didYouMean(name string, known []string) string {
	best, distance := "", len(name)/3+1
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ". Did you mean " + best + "?"
}

// editDistance counts the bytes to insert, drop or replace between a and b.
// Of long names only the beginning is looked at.
func editDistance(a, b string) int {
	const longest = 64
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
