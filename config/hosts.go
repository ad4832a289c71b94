package config

import (
	"slices"
	"strings"
)

func (l *loader) hosts(name, value string) []string {
	var list []string
	for _, text := range splitList(value) {
		host := strings.ToLower(text)
		if !hostForm.MatchString(strings.TrimPrefix(host, "*.")) {
			l.problems.add(name, text, "not a host such as www.example.com or *.example.com, without scheme, port and path")
			continue
		}
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}
