package config

import (
	"math"
	"testing"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "4096B": 4096, "512KiB": 512 << 10, "32MiB": 32 << 20, "10MB": 10e6, "1kb": 1000, "2GiB": 2 << 30, "1GB": 1e9,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%s is %d bytes, %v; want %d", text, got, err, want)
		}
	}
	const form = "want a size, for example 32MiB, 10MB, 512KiB or 4096"
	for text, want := range map[string]string{
		"": form, "MiB": form, "-1": form, "+1": form, "1.5MiB": form, "1 MiB": form, "10M": form, "10TiB": form, "1KiBKiB": form, "0x10": form, "1_000": form, "1BMi": form,
		"0": "must be at least 1 byte", "0GiB": "must be at least 1 byte",
		"9223372036854775808": "too large", "9007199254740993KiB": "too large", "99999999999999999999999": "too large",
	} {
		if got, err := parseSize(text); err == nil || err.Error() != want || got != 0 {
			t.Errorf("%q is %d bytes, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("32MiB")
	f.Add("9007199254740993KiB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil && n < 1 {
			t.Errorf("%q is %d bytes", text, n)
		}
	})
}
