package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryFlock locks f against every other opening of the same file, without
// waiting. The lock ends when f is closed, or its process.
func tryFlock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
