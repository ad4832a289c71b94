package stats

import "testing"

func TestRecent(t *testing.T) {
	t.Parallel()
	r := newRecent[int](3)
	for i := range 8 {
		r.add(i)
		got := r.newestFirst()
		for j, v := range got {
			if v != i-j {
				t.Errorf("after %d: %v", i, got)
			}
		}
		if len(got) != min(i+1, 3) {
			t.Errorf("after %d: %v", i, got)
		}
	}
}
