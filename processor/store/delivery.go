package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/processor/delivery"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// DeliveryID is a delivery within its partition: one target of the notice of an event.
type DeliveryID struct {
	// Sequence is that of the event.
	Sequence int64
	// Target counts the targets of the notice, from 0.
	Target int32
}

// Delivery is one target that is to be told of a notice, and has not been.
type Delivery struct {
	Account string
	Target  *parleyv1.ResponseTarget
	// Soap is set when the call that names the target came by SOAP.
	Soap bool
	// Of is how many targets the notice had.
	Of int32
	// Bytes is how long the notice is, at the most.
	Bytes int32
	State delivery.State
}

// Receiver is who is told: deliveries to one wait for one another, and for nobody else.
type Receiver struct {
	Account string
	// Name is a schemas.Receiver.
	Name string
}

// Receiver is who is told.
func (d *Delivery) Receiver() Receiver {
	return Receiver{Account: d.Account, Name: schemas.Receiver(d.Target)}
}

// DueDelivery is a place in the order in which deliveries fall due. The zero value is before all.
type DueDelivery struct {
	At time.Time
	ID DeliveryID
}

// PutNotice keeps what is told of an event under its sequence, and whom it is told to. It sets Of and Bytes of the deliveries.
func (t *Tx) PutNotice(sequence int64, n *parleyv1.NoticeState, deliveries []Delivery) error {
	value, err := encode(n)
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	t.set(noticeKey(t.partition, sequence), value)
	for i := range deliveries {
		d := &deliveries[i]
		d.Of, d.Bytes = int32(len(deliveries)), int32(len(value))
		if err := t.PutDelivery(DeliveryID{Sequence: sequence, Target: int32(i)}, *d); err != nil {
			return err
		}
	}
	t.Meta.Deliveries += int64(len(deliveries))
	return nil
}

// ReplaceNotice puts another text in the place of a notice.
func (t *Tx) ReplaceNotice(sequence int64, n *parleyv1.NoticeState) error {
	value, err := encode(n)
	if err != nil {
		return fmt.Errorf("encode notice: %w", err)
	}
	t.set(noticeKey(t.partition, sequence), value)
	return nil
}

// PutDelivery keeps how far a delivery of a notice has come.
func (t *Tx) PutDelivery(id DeliveryID, d Delivery) error {
	value, err := encode(&parleyv1.DeliveryState{
		Account:     d.Account,
		Target:      d.Target,
		Of:          d.Of,
		Attempts:    d.State.Attempts,
		DueMs:       schemas.MilliOf(d.State.Due),
		BegunAtMs:   schemas.MilliOf(d.State.Begun),
		ErrorCode:   string(d.State.Code),
		Message:     d.State.Message,
		Soap:        d.Soap,
		NoticeBytes: d.Bytes,
	})
	if err != nil {
		return fmt.Errorf("encode delivery: %w", err)
	}
	return t.setDelivery(id, value, &d)
}

// EndDelivery forgets a delivery, and its notice with the last.
func (t *Tx) EndDelivery(id DeliveryID) error {
	d, known, err := t.Delivery(id)
	if err != nil || !known {
		return err
	}
	t.Meta.Deliveries--
	if err := t.setDelivery(id, nil, nil); err != nil {
		return err
	}
	for i := range d.Of {
		if v, err := t.get(deliveryKey(t.partition, DeliveryID{Sequence: id.Sequence, Target: i})); err != nil || v != nil {
			return err
		}
	}
	t.set(noticeKey(t.partition, id.Sequence), nil)
	return nil
}

// setDelivery keeps a delivery and its places in the indexes; nil: neither.
func (t *Tx) setDelivery(id DeliveryID, value []byte, d *Delivery) error {
	before, known, err := t.Delivery(id)
	if err != nil {
		return err
	}
	if known {
		for _, c := range placesOf(t.partition, id, &before) {
			t.local.set(c.Key, nil)
		}
	}
	t.set(deliveryKey(t.partition, id), value)
	if d != nil {
		for _, c := range placesOf(t.partition, id, d) {
			t.local.set(c.Key, c.Value)
		}
	}
	return nil
}

// Delivery returns a delivery; false: it has ended.
func (t *Tx) Delivery(id DeliveryID) (Delivery, bool, error) { return t.delivery(id) }

// Delivery returns a committed delivery; false: it has ended.
func (s *Store) Delivery(partition int32, id DeliveryID) (Delivery, bool, error) {
	r := reader{db: s.db, partition: partition}
	return r.delivery(id)
}

// Deliveries returns those of an event that have not ended.
func (v *View) Deliveries(sequence int64) ([]Delivery, error) {
	var out []Delivery
	lower := deliveryKey(v.partition, DeliveryID{Sequence: sequence})
	err := scan(v.db, lower, behind(lower[:prefixLen+8]), func(k, value []byte) (bool, error) {
		d, err := decodeDelivery(k, value)
		out = append(out, d)
		return true, err
	})
	return out, err
}

// EndedDeliveries returns the events of the deliveries of an event that have ended, as long as they are kept here.
func (v *View) EndedDeliveries(sequence int64) ([]*parleyv1.ResultEvent, error) {
	var out []*parleyv1.ResultEvent
	lower := toldKey(v.partition, sequence, 0)
	err := scan(v.db, lower, behind(lower[:prefixLen+8]), func(k, value []byte) (bool, error) {
		e := new(parleyv1.ResultEvent)
		if err := proto.Unmarshal(value, e); err != nil {
			return false, &FormatError{Key: bytes.Clone(k), Err: err}
		}
		out = append(out, e)
		return true, nil
	})
	return out, err
}

func (r *reader) delivery(id DeliveryID) (Delivery, bool, error) {
	k := deliveryKey(r.partition, id)
	v, err := r.get(k)
	if err != nil || v == nil {
		return Delivery{}, false, err
	}
	d, err := decodeDelivery(k, v)
	return d, err == nil, err
}

func decodeDelivery(key, value []byte) (Delivery, error) {
	var m parleyv1.DeliveryState
	if err := decode(bytes.Clone(key), value, &m); err != nil {
		return Delivery{}, err
	}
	return Delivery{
		Account: m.Account,
		Target:  m.GetTarget(),
		Soap:    m.Soap,
		Of:      m.Of,
		Bytes:   m.NoticeBytes,
		State: delivery.State{
			Begun:    schemas.InstantOf(m.BegunAtMs),
			Due:      schemas.InstantOf(m.DueMs),
			Attempts: m.Attempts,
			Code:     schemas.Code(m.ErrorCode),
			Message:  m.Message,
		},
	}, nil
}

// Notice returns what is committed of the notice of an event; nil: all its deliveries have ended.
func (s *Store) Notice(partition int32, sequence int64) (*parleyv1.NoticeState, error) {
	r := reader{db: s.db, partition: partition}
	return r.notice(sequence)
}

// Notice returns the notice of an event; nil: all its deliveries have ended.
func (t *Tx) Notice(sequence int64) (*parleyv1.NoticeState, error) { return t.notice(sequence) }

func (r *reader) notice(sequence int64) (*parleyv1.NoticeState, error) {
	k := noticeKey(r.partition, sequence)
	v, err := r.get(k)
	if err != nil || v == nil {
		return nil, err
	}
	n := new(parleyv1.NoticeState)
	return n, decode(k, v, n)
}

// Due is a delivery in the order in which they fall due, how long its notice is, and who is told.
type Due struct {
	DueDelivery
	Bytes    int32
	Receiver Receiver
}

// Due returns the deliveries of a partition from the one behind after on, earliest first, at most limit.
func (s *Store) Due(partition int32, after DueDelivery, limit int) ([]Due, error) {
	var out []Due
	lower := append(dueKey(partition, after), 0)
	err := scan(s.db, lower, behind(lower[:prefixLen]), func(k, value []byte) (bool, error) {
		account, name, _ := bytes.Cut(value[4:], []byte{0})
		out = append(out, Due{splitDue(k[prefixLen:]), noticeBytes(value), Receiver{Account: string(account), Name: string(name)}})
		return len(out) < limit, nil
	})
	return out, err
}

// DueOf returns the deliveries of a partition to one receiver that are due at a time, from the one behind after on, earliest
// first, at most limit.
func (s *Store) DueOf(partition int32, to Receiver, after DueDelivery, now time.Time, limit int) ([]Due, error) {
	var out []Due
	all := receiverKey(partition, to)
	lower := append(appendDue(receiverKey(partition, to), after), 0)
	upper := appendMilli(receiverKey(partition, to), now.Add(time.Millisecond))
	err := scan(s.db, lower, upper, func(k, value []byte) (bool, error) {
		out = append(out, Due{splitDue(k[len(all):]), noticeBytes(value), to})
		return len(out) < limit, nil
	})
	return out, err
}

// restoreDelivery makes the indexes of a delivery as setDelivery does.
func (w *writer) restoreDelivery(k, before, now []byte) error {
	if len(k) != deliveryKeyLen {
		return &FormatError{Key: k, Err: fmt.Errorf("key of a delivery with %d bytes", len(k))}
	}
	id := splitDelivery(k[prefixLen:])
	for i, v := range [...][]byte{before, now} {
		if v == nil {
			continue
		}
		d, err := decodeDelivery(k, v)
		if err != nil {
			return err
		}
		for _, c := range placesOf(w.partition, id, &d) {
			if i == 0 {
				c.Value = nil
			}
			w.put(c)
		}
	}
	return nil
}

// placesOf are the entries of a delivery in the indexes.
func placesOf(partition int32, id DeliveryID, d *Delivery) [2]Change {
	at, to := DueDelivery{At: d.State.Due, ID: id}, d.Receiver()
	size := binary.BigEndian.AppendUint32(nil, uint32(d.Bytes))
	return [...]Change{
		{Key: appendDue(receiverKey(partition, to), at), Value: size},
		{Key: dueKey(partition, at), Value: append(append(append(slices.Clip(size), to.Account...), 0), to.Name...)},
	}
}

// noticeBytes are what the value of a place begins with.
func noticeBytes(value []byte) int32 { return int32(binary.BigEndian.Uint32(value)) }

func noticeKey(partition int32, sequence int64) []byte {
	return binary.BigEndian.AppendUint64(prefix(partition, kindNotice), uint64(sequence))
}

func deliveryKey(partition int32, id DeliveryID) []byte {
	return appendDelivery(prefix(partition, kindDelivery), id)
}

// deliveryKeyLen is the length of each deliveryKey.
const deliveryKeyLen = prefixLen + 8 + 2

// receiverKey is what the places of the deliveries to a receiver begin with, and no other's.
func receiverKey(partition int32, to Receiver) []byte {
	b := append(append(prefix(partition, kindReceiver), to.Account...), 0)
	return append(append(b, to.Name...), 0)
}

func dueKey(partition int32, at DueDelivery) []byte {
	return appendDue(prefix(partition, kindDue), at)
}

func appendDue(b []byte, at DueDelivery) []byte {
	return appendDelivery(appendMilli(b, at.At), at.ID)
}

func splitDue(b []byte) DueDelivery {
	return DueDelivery{At: schemas.InstantOf(int64(binary.BigEndian.Uint64(b))), ID: splitDelivery(b[8:])}
}

func appendDelivery(b []byte, id DeliveryID) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(b, uint64(id.Sequence)), uint16(id.Target))
}

func splitDelivery(b []byte) DeliveryID {
	return DeliveryID{Sequence: int64(binary.BigEndian.Uint64(b)), Target: int32(binary.BigEndian.Uint16(b[8:]))}
}
