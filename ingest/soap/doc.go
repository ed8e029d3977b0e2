// Package soap reads and writes SOAP envelopes, of version 1.1 (W3C Note, 8 May 2000) and 1.2 (W3C Recommendation, 27 April
// 2007): what is asked, as a tree of elements, and who asks. It takes documents from anybody, so what one may have is bounded;
// beyond that it is liberal: what it does not know is left in the tree. It knows nothing of what is asked.
package soap
