// Package partnerapi knows the types of the partner API, as schemas.PartnerAPI declares them, and writes objects and results
// as its XML: members in the order of the schema, without prefixes, types of nested elements in xsi:type. Whoever writes the document
// around it declares Namespace as the default namespace, and the prefix xsi.
//
// An object in XML and the same object in JSON are one and the same call. This is how the members of the one stand in the other:
//
//	<Objects xsi:type="List">                      "type": "List"
//	<CustomerKey>, <CorrelationID> and the like    "customerKey", "correlationId": the fields of an object
//	<ListName>x</ListName>                         "properties": {"ListName": "x"}
//	an element that may stand there repeatedly     an array, however often it does
//	xs:boolean; xs:int, xs:double and the like     true, false; a number, if it can be kept exactly
//	all else that has text only                    a string
//	an element with elements in it                 an object
//	xsi:nil                                        null
//	xsi:type, where it is not the declared one     "@type"
//	an attribute; text beside elements             "@name"; "#text"
//
// The columns of a DataExtensionObject, which are <Property><Name/><Value/></Property> in its <Properties>, are its properties, and
// whatever else it has gets an "@" before its name: a column may have any name. A column that is null is a NullAPIProperty.
// What the schema does not know is data and stands behind what it does: nothing is refused for being unknown.
package partnerapi

// Namespace is that of all elements and types here.
const Namespace = "http://exacttarget.com/wsdl/partnerAPI"
