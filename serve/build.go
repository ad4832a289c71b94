package serve

import (
	"runtime"
	"runtime/debug"
)

// build is what this program was built from.
type build struct{ version, revision, goVersion string }

func readBuild() build {
	b := build{version: "(devel)", goVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.revision = s.Value
		}
	}
	return b
}

// Version returns the program's name, its version, the commit if it is known,
// and Go's version: "wechat-token-proxy v1.2.3 0123abcd go1.26.0".
func Version() string {
	b := readBuild()
	s := "wechat-token-proxy " + b.version
	if b.revision != "" {
		s += " " + b.revision
	}
	return s + " " + b.goVersion
}
