package schemas

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"

	parleyv1 "parley/schemas/parley/v1"
)

// Content identifies what a call asks for: calls with equal method, action, objects and options have equal
// contents, whatever the order, spacing and escapes of their JSON (RFC 8785). It is the first 8 bytes of a
// SHA-256 and never zero. Changing how it is made is a change of the state's format.
func Content(call *parleyv1.Call) (uint64, error) {
	h := sha256.New()
	var scratch []byte
	field := func(s string) {
		scratch = binary.AppendUvarint(scratch[:0], uint64(len(s)))
		h.Write(append(scratch, s...))
	}
	field(call.Method)
	field(call.Action)
	for i, o := range call.Objects {
		properties, err := canonical(o.Properties)
		if err != nil {
			return 0, fmt.Errorf("canonicalize properties of object %d: %w", i, err)
		}
		for _, s := range [...]string{o.Type, o.CustomerKey, o.SubscriberKey, o.PartnerKey, o.Id, o.ObjectId, o.CorrelationId} {
			field(s)
		}
		field(string(properties))
	}
	asked, err := canonicalOptions(call.GetOptions())
	if err != nil {
		return 0, err
	}
	options, err := proto.MarshalOptions{Deterministic: true}.Marshal(asked)
	if err != nil {
		return 0, fmt.Errorf("encode options: %w", err)
	}
	field(string(options))
	return max(1, binary.BigEndian.Uint64(h.Sum(nil))), nil
}

// canonicalOptions are options whose properties are canonical.
func canonicalOptions(o *parleyv1.Options) (*parleyv1.Options, error) {
	if len(o.GetProperties()) == 0 {
		return o, nil
	}
	properties, err := canonical(o.Properties)
	if err != nil {
		return nil, fmt.Errorf("canonicalize properties of options: %w", err)
	}
	o = proto.CloneOf(o)
	o.Properties = properties
	return o, nil
}

func canonical(properties []byte) (jsontext.Value, error) {
	if len(properties) == 0 {
		return nil, nil
	}
	v := jsontext.Value(slices.Clone(properties))
	err := v.Canonicalize()
	return v, err
}
