package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// measureDead compares two bursts, round by round: one on a good token, from its
// start to the last answer; and one in which every call meets a dead token, from
// the moment when far hands out the new one to the last answer. At that moment
// the second try of each call is still to come, and nothing else.
func measureDead(proxy, key, far string, calls, rounds int, gate time.Duration) error {
	clients, err := dial(proxy, key, calls)
	if err != nil {
		return err
	}
	if _, err := burst(clients); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	var all []round
	for n := range rounds {
		r, err := measureRound(clients, far, gate)
		if err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
		fmt.Printf("dead round %d: %s\n", n+1, r)
		all = append(all, r)
	}

	var fetches []string
	for _, r := range all {
		fetches = append(fetches, fmt.Sprint(r.fetches))
	}
	slices.SortFunc(all, func(a, b round) int { return cmp.Compare(a.ratio(), b.ratio()) })
	median := all[(len(all)-1)/2]
	fmt.Printf("dead median: %s; ratios %.2f to %.2f in %d rounds; fetches by round %s\n",
		median, all[0].ratio(), all[len(all)-1].ratio(), rounds, strings.Join(fetches, " "))
	return nil
}

type round struct {
	plain, dead       time.Duration
	fetches, rejected int
}

func (r round) ratio() float64 { return float64(r.dead) / float64(r.plain) }

func (r round) String() string {
	return fmt.Sprintf("ratio %.2f dead %.1f ms plain %.1f ms, %d rejected, %d fetched",
		r.ratio(), 1e3*r.dead.Seconds(), 1e3*r.plain.Seconds(), r.rejected, r.fetches)
}

func measureRound(clients []*client, far string, gate time.Duration) (round, error) {
	plain, err := burst(clients)
	if err != nil {
		return round{}, fmt.Errorf("plain: %w", err)
	}
	before, err := stateOf(far)
	if err != nil {
		return round{}, err
	}
	if err := kill(far, gate); err != nil {
		return round{}, err
	}
	dead, err := burst(clients)
	if err != nil {
		return round{}, fmt.Errorf("dead: %w", err)
	}
	after, err := stateOf(far)
	if err != nil {
		return round{}, err
	}
	lastAnswer := dead.start.Add(dead.percentile(100))
	return round{
		plain: plain.percentile(100), dead: lastAnswer.Sub(time.Unix(0, after.Answered)),
		fetches: after.Fetches - before.Fetches, rejected: after.Rejected,
	}, nil
}

// state is what far tells about itself.
type state struct {
	Fetches  int   `json:"fetches"`
	Rejected int   `json:"rejected"`
	Answered int64 `json:"answered"`
}

func stateOf(far string) (s state, err error) {
	response, err := http.Get("http://" + far + "/control/state")
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	return s, json.NewDecoder(response.Body).Decode(&s)
}

func kill(far string, gate time.Duration) error {
	response, err := http.Post(fmt.Sprintf("http://%s/control/kill?gate=%v", far, gate), "", nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
