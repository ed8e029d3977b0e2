package peer

import (
	"bytes"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Secure is the form of an address, as host:port, that is reached by TLS. Each node says it of its own, so that TLS can be
// turned on node by node.
func Secure(address string) string { return secure + address }

const secure = "https://"

// Advertise has a member of a group make known where its node answers the others, as host:port or Secure of that: whoever
// describes the group finds it.
//
// The address stands behind the user data of the cooperative-sticky protocol, whose readers stop where that ends. (The
// client id is shown too, but brokers keep the old one when a static member comes back, maybe at another address.)
func Advertise(address string) kgo.Opt {
	return kgo.Balancers(advertiser{kgo.CooperativeStickyBalancer(), address})
}

type advertiser struct {
	kgo.GroupBalancer
	address string
}

// JoinGroupMetadata implements kgo.GroupBalancer.
func (a advertiser) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	raw := a.GroupBalancer.JoinGroupMetadata(topics, current, generation)
	m := kmsg.NewConsumerMemberMetadata()
	if m.ReadFrom(raw) != nil {
		return raw // not the protocol that we know: then nobody finds us
	}
	m.UserData = appendAddress(m.UserData, a.address)
	return m.AppendTo(nil)
}

// addressMark begins an address; its length, with that of the mark, in two bytes ends it.
const addressMark = "parley@"

func appendAddress(userData []byte, address string) []byte {
	userData = append(append(userData, addressMark...), address...)
	return binary.BigEndian.AppendUint16(userData, uint16(len(addressMark)+len(address)))
}

// addressIn returns the address that user data ends with; empty: there is none.
func addressIn(userData []byte) string {
	const size = 2
	if len(userData) < size {
		return ""
	}
	rest, end := userData[:len(userData)-size], userData[len(userData)-size:]
	n := int(binary.BigEndian.Uint16(end))
	if n > len(rest) {
		return ""
	}
	address, ok := bytes.CutPrefix(rest[len(rest)-n:], []byte(addressMark))
	if !ok {
		return ""
	}
	return string(address)
}
