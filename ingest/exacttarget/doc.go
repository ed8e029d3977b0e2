// Package exacttarget speaks the operations of the partner API (etframework.wsdl): what a SOAP body asks, as calls and questions, and
// what is answered to it, as XML. It does nothing by itself.
package exacttarget
