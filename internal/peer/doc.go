// Package peer lets a node answer what another one knows. The state of a partition is with the processor that owns it;
// a poll, a cancel or a late answer may come to any node. Live finds the owner and asks it; Handler answers the nodes
// that ask this one.
//
// Who owns a partition stands in the assignment of the processors' group, and where that member's node answers stands
// in what the member tells the group: see Advertise. No node needs a list of the others.
//
// A question is a POST of JSON to /peer/v1/request, /conversation, /answer, /route-outage, /usage, /conversations,
// /audit or /erasures:
//
//	{"in": [3, 5], "query": { … as in package schemas … }}
//
// "in" are the partitions that are asked, "query" names the account for which the first node asks. The answer is 200 and
//
//	{"answer": { … a resource of package schemas … }}   or   {"failure": {"kind": "unknown", …}}
//
// Both are authenticated by an HMAC-SHA256 under a key that HKDF (RFC 5869) makes of the secret of the installation:
// that of a question is over method, path, time and body, so that it can neither be changed nor be used much later; that
// of an answer is over the question's and the body, so that whoever has taken over a dead node's address is not believed.
// Over TLS, a node that is asked must also have a certificate for its address that the asker trusts; without, nothing is
// encrypted, and between nodes it is as private as the network.
//
// Who answers a question asks nobody else: Handler knows the processor of its own process alone. So no question goes
// round in circles, however wrong the asker's idea of the owners is.
package peer
