package control

import (
	"testing"
	"time"
)

func FuzzDecodeMaintenance(f *testing.F) {
	f.Add("crm", []byte(`{"version":1,"route":"crm","reason":"r","by":"b","since":"2026-12-01T08:00:00Z","until":"2026-12-01T09:00:00.5Z"}`))
	f.Add("crm", []byte(`{"version":2}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, route string, value []byte) {
		m, err := decodeMaintenance(route, value)
		if err != nil {
			return
		}
		b, err := encodeMaintenance(m)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", m, err)
		}
		again, err := decodeMaintenance(route, b)
		if err != nil {
			t.Fatal(err)
		}
		if again.Route != m.Route || again.Reason != m.Reason || again.By != m.By || !again.Since.Equal(m.Since) || !again.Until.Equal(m.Until) {
			t.Fatalf("written %+v, read %+v", m, again)
		}
	})
}

// The bytes of version 1 stay readable.
func TestVersion1(t *testing.T) {
	t.Parallel()
	const golden = `{"version":1,"route":"crm","reason":"moves","by":"ops","since":"2026-12-01T08:00:00Z","until":"2026-12-01T09:00:00Z"}`
	want := Maintenance{
		Route: "crm", Reason: "moves", By: "ops",
		Since: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC),
	}
	if got, err := decodeMaintenance("crm", []byte(golden)); err != nil || got != want {
		t.Errorf("read %+v, %v", got, err)
	}
	if b, err := encodeMaintenance(want); err != nil || string(b) != golden {
		t.Errorf("written %s, %v", b, err)
	}
}

func FuzzDecodeKey(f *testing.F) {
	f.Add("JBSWY3DPEB", []byte(goldenKey))
	f.Add("JBSWY3DPEB", []byte(`{"version":2}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		k, err := decodeKey(id, value)
		if err != nil {
			return
		}
		b, err := encodeKey(k)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", k, err)
		}
		again, err := decodeKey(id, b)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := encodeKey(again); err != nil || string(b2) != string(b) {
			t.Fatalf("written %s, then %s, %v", b, b2, err)
		}
	})
}

func FuzzDecodeTerms(f *testing.F) {
	f.Add("acme", []byte(goldenTerms))
	f.Add("acme", []byte(`{"version":1,"account":"acme","rate":1e400}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, of string, value []byte) {
		terms, err := decodeTerms(of, value)
		if err != nil {
			return
		}
		b, err := encodeTerms(terms)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", terms, err)
		}
		again, err := decodeTerms(of, b)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := encodeTerms(again); err != nil || string(b2) != string(b) {
			t.Fatalf("written %s, then %s, %v", b, b2, err)
		}
	})
}

const (
	goldenKey   = `{"version":1,"id":"JBSWY3DPEB","account":"acme","name":"ci","scopes":["read","submit"],"sha256":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","created":"2026-12-01T08:00:00Z","expires":"2027-03-01T08:00:00Z","revoked":"2026-12-02T08:00:00Z","by":"ops@host"}`
	goldenTerms = `{"version":1,"account":"acme","rate":2.5,"burst":10,"openCalls":0,"stagedBytes":1073741824,"by":"ops@host","since":"2026-12-01T08:00:00Z"}`
)

// The bytes of version 1 of keys and terms stay readable.
func TestAccountsVersion1(t *testing.T) {
	t.Parallel()
	k, err := decodeKey("JBSWY3DPEB", []byte(goldenKey))
	if err != nil || k.Hash[31] != 0x1f || k.Account != "acme" || k.Expires.Month() != time.March {
		t.Errorf("read %+v, %v", k, err)
	}
	if b, err := encodeKey(k); err != nil || string(b) != goldenKey {
		t.Errorf("written %s, %v", b, err)
	}
	terms, err := decodeTerms("acme", []byte(goldenTerms))
	if err != nil || *terms.Rate != 2.5 || *terms.OpenCalls != 0 {
		t.Errorf("read %+v, %v", terms, err)
	}
	if b, err := encodeTerms(terms); err != nil || string(b) != goldenTerms {
		t.Errorf("written %s, %v", b, err)
	}
}

const (
	goldenCallbackSecrets = `{"version":1,"account":"acme","secrets":[{"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","created":"2026-12-02T08:00:00Z"},{"secret":"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","created":"2026-12-01T08:00:00Z","retires":"2026-12-03T08:00:00Z"}],"by":"ops@host"}`
	goldenDisabledTarget  = `{"version":1,"account":"acme","address":"https://example.com/hook","since":"2026-12-01T08:00:00Z"}`
	goldenTargetName      = "acme/19f1352238b915338c91b6a9fdd2dd4be99a13c18e95bbfbf1443ee01fb616b6"
)

func FuzzDecodeCallbackSecrets(f *testing.F) {
	f.Add("acme", []byte(goldenCallbackSecrets))
	f.Add("acme", []byte(`{"version":2}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, of string, value []byte) {
		c, err := decodeCallbackSecrets(of, value)
		if err != nil {
			return
		}
		b, err := encodeCallbackSecrets(c)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", c, err)
		}
		again, err := decodeCallbackSecrets(of, b)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := encodeCallbackSecrets(again); err != nil || string(b2) != string(b) {
			t.Fatalf("written %s, then %s, %v", b, b2, err)
		}
	})
}

// The bytes of version 1 of what callbacks need stay readable.
func TestCallbacksVersion1(t *testing.T) {
	t.Parallel()
	c, err := decodeCallbackSecrets("acme", []byte(goldenCallbackSecrets))
	if err != nil || c.Secrets[1].Retires.Day() != 3 || c.By != "ops@host" {
		t.Errorf("read %+v, %v", c, err)
	}
	if b, err := encodeCallbackSecrets(c); err != nil || string(b) != goldenCallbackSecrets {
		t.Errorf("written %s, %v", b, err)
	}
	d, err := decodeDisabledTarget(goldenTargetName, []byte(goldenDisabledTarget))
	if err != nil || d.Address != "https://example.com/hook" {
		t.Errorf("read %+v, %v", d, err)
	}
}

func FuzzDecodeSubscriber(f *testing.F) {
	f.Add("54", []byte(goldenSubscriber))
	f.Add("54", []byte(`{"version":2}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, id string, value []byte) {
		s, err := decodeSubscriber(id, value)
		if err != nil {
			return
		}
		b, err := encodeSubscriber(s)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", s, err)
		}
		again, err := decodeSubscriber(id, b)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := encodeSubscriber(again); err != nil || string(b2) != string(b) {
			t.Fatalf("written %s, then %s, %v", b, b2, err)
		}
	})
}

func FuzzDecodeQueue(f *testing.F) {
	f.Add("54/node-a", []byte(goldenQueue))
	f.Add("54", []byte(goldenQueue))
	f.Add("/", []byte(`null`))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		q, err := decodeQueue(name, value)
		if err != nil {
			return
		}
		b, err := encodeQueue(q)
		if err != nil {
			t.Fatalf("%+v was read, but cannot be written: %v", q, err)
		}
		if again, err := decodeQueue(name, b); err != nil || !again.covers(q) || !q.covers(again) {
			t.Fatalf("written %+v, read %+v, %v", q, again, err)
		}
	})
}

const (
	goldenSubscriber = `{"version":1,"id":54,"account":"acme","name":"warehouse","transactionTypes":["call.failed"],"objectTypes":["Order"],"maxBlockCount":9,"warnDepth":1,"fullDepth":2,"begins":[0,7],"created":"2026-12-01T08:00:00Z","deleted":"2026-12-02T08:00:00Z","by":"acme"}`
	goldenQueue      = `{"version":1,"subscriber":54,"acknowledged":7,"handedOut":9,"dequeued":"2026-12-01T08:00:00Z"}`
)

// The bytes of version 1 of subscribers and queues stay readable.
func TestSubscribersVersion1(t *testing.T) {
	t.Parallel()
	s, err := decodeSubscriber("54", []byte(goldenSubscriber))
	if err != nil || s.ID != 54 || s.Begins[1] != 7 || s.Live() {
		t.Errorf("read %+v, %v", s, err)
	}
	if b, err := encodeSubscriber(s); err != nil || string(b) != goldenSubscriber {
		t.Errorf("written %s, %v", b, err)
	}
	q, err := decodeQueue("54/node-a", []byte(goldenQueue))
	if err != nil || q.Acknowledged != 7 || q.HandedOut != 9 {
		t.Errorf("read %+v, %v", q, err)
	}
	if b, err := encodeQueue(q); err != nil || string(b) != goldenQueue {
		t.Errorf("written %s, %v", b, err)
	}
}
