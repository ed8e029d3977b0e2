// Package samples makes the sample data of the tour: deploy/samples/orders.ndjson, a busy morning of a shop that
// sends its calls to Parley. One line is one call, as POST /v1/calls takes it. Each conversation is a story
// whose later calls need the earlier ones: an order is updated after it was created. Their parts come in any
// order, some late, some twice, some never; some calls fail, for a while or for good.
//
// The data follows from Conversations and a seed alone: Generate gives the same bytes in every run, and knows what
// must come of them (Counts).
package samples
