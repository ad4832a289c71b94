package token

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/wechat-token-proxy/wechat-token-proxy/config/secret"
)

// stored is a credential as a store keeps it.
type stored struct {
	Value       string    `json:"value"`
	FetchedAt   time.Time `json:"fetched_at"`
	FirstSeenAt time.Time `json:"first_seen_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	ExpiresIn   int64     `json:"expires_in"` // seconds
}

func encode(c Credential) Record {
	data, _ := json.Marshal(stored{ // strings and times: cannot fail
		Value: c.Value.Reveal(), FetchedAt: c.FetchedAt, FirstSeenAt: c.FirstSeenAt,
		ExpiresAt: c.ExpiresAt, ExpiresIn: int64(c.ExpiresIn / time.Second),
	})
	return Record{Gen: c.Gen, Data: data, ExpiresAt: c.ExpiresAt}
}

// EncodeRecord returns c as a [Manager] reads it from its store: what was had in
// another way can so be put there under its [RecordName].
func EncodeRecord(c Credential) Record { return encode(c) }

func decode(r Record) (Credential, error) {
	var s stored
	if err := json.Unmarshal(r.Data, &s); err != nil {
		return Credential{}, fmt.Errorf("decode a stored credential: %w", err)
	}
	return Credential{
		Value: secret.New(s.Value), Gen: r.Gen, FetchedAt: s.FetchedAt, FirstSeenAt: s.FirstSeenAt,
		ExpiresAt: s.ExpiresAt, ExpiresIn: time.Duration(s.ExpiresIn) * time.Second,
	}, nil
}
