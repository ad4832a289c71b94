package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// parseSize reads a number of bytes: "32MiB", "10MB", "512KiB", "4096".
func parseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "BKMGibkmg")
	unit, ok := sizeUnit(strings.ToLower(s[len(number):]))
	// ParseUint takes no sign.
	n, err := strconv.ParseUint(number, 10, 63)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), !ok:
		return 0, errors.New("not a size such as 32MiB, 10MB, 512KiB or 4096")
	case err != nil, n > uint64(math.MaxInt64/unit):
		return 0, errors.New("too large")
	case n == 0:
		return 0, errors.New("must be at least one byte")
	}
	return int64(n) * unit, nil
}

func sizeUnit(s string) (int64, bool) {
	switch s {
	case "", "b":
		return 1, true
	case "kb":
		return 1e3, true
	case "mb":
		return 1e6, true
	case "gb":
		return 1e9, true
	case "kib":
		return 1 << 10, true
	case "mib":
		return 1 << 20, true
	case "gib":
		return 1 << 30, true
	default:
		return 0, false
	}
}
