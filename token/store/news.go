package store

import (
	"context"
	"sync"
)

// maxNames is how many changed records are told one by one; of more it is said
// that any may have changed.
const maxNames = 256

// news collects the names of changed records for one watcher, so that whoever
// has news need not wait for the watcher.
type news struct {
	mu    sync.Mutex
	names map[string]struct{}
	bell  chan struct{}
}

func newNews() *news { return &news{names: map[string]struct{}{}, bell: make(chan struct{}, 1)} }

// add notes that the record name has changed; "" that any may have.
func (n *news) add(name string) {
	n.mu.Lock()
	if _, all := n.names[""]; !all {
		if name == "" || len(n.names) >= maxNames {
			clear(n.names)
			name = ""
		}
		n.names[name] = struct{}{}
	}
	n.mu.Unlock()
	select {
	case n.bell <- struct{}{}:
	default:
	}
}

// take returns what has come in since it was called last.
func (n *news) take() map[string]struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := n.names
	n.names = map[string]struct{}{}
	return names
}

// deliver tells changed until ctx ends.
func (n *news) deliver(ctx context.Context, changed func(name string)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.bell:
		}
		for name := range n.take() {
			changed(name)
		}
	}
}
