package secret

import "testing"

func TestReveal(t *testing.T) {
	t.Parallel()
	if got := New("a").Reveal(); got != "a" {
		t.Errorf("Reveal() = %q", got)
	}
	if zero := (Secret{}); zero.Reveal() != "" || zero.String() != "" || !zero.IsZero() || New("") != zero {
		t.Error("the zero Secret is not the empty one")
	}
	if again := New("a"); again != New("a") || again == New("b") {
		t.Error("== does not compare the texts")
	}
}
