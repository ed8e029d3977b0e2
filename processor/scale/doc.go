// Package scale measures what it costs Parley to have much: bytes of changelog per call, memory and disk per staged part
// and per marker, and how long a node takes until it has its state again. It has benchmarks only, which run core,
// shell and store against a broker in a process of its own:
//
//	go test -run '^$' -bench . ./processor/scale
//	go test -run '^$' -bench Restore/markers ./processor/scale -timeout 30m -args -markers 20000000
//
// A benchmark here is one measurement of a fixed amount, whatever -benchtime says.
package scale
