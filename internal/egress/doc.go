// Package egress guards requests whose target a caller names, against reaching what only this machine or its network may
// reach (server-side request forgery). Two looks are taken:
//
//   - CheckURL looks at the URL, when it is given and before each attempt: https on a port of Ports, to a public name or a
//     public address that is written as addresses are.
//   - What counts is the second one: Control looks at the address of each connection after DNS, just before the socket
//     connects. So a name may lie, change between two looks, or have ten addresses: none that is not public is connected to.
//
// An address is public when the registries of IANA have it as globally reachable (RFC 6890: the special-purpose address
// registries), and no address of another kind is hidden in it: v4-mapped ones are judged as what they are, and those of
// NAT64, 6to4 and Teredo are refused altogether. What only answers inside a cloud (its metadata service) is not public.
//
// The networks that an operator allows are exempt: there any port and plain http are fine, too.
package egress
