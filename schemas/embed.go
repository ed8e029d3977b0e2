package schemas

import _ "embed"

//go:embed openapi.yaml
var openAPI string

//go:embed asyncapi.yaml
var asyncAPI string

//go:embed exacttarget/etframework.wsdl
var partnerAPI string

//go:embed exacttarget/ETFrameworkFault.xsd
var partnerAPIFault string

// OpenAPI is the HTTP interface as an OpenAPI 3.1 document, in YAML.
func OpenAPI() string { return openAPI }

// AsyncAPI is the topics as an AsyncAPI 3.0 document, in YAML.
func AsyncAPI() string { return asyncAPI }

// PartnerAPI is the SOAP interface as a WSDL 1.1 document. Its soap:address is PartnerAPIAddress.
func PartnerAPI() string { return partnerAPI }

// PartnerAPIAddress stands in PartnerAPI for the URL of the service.
const PartnerAPIAddress = "http://127.0.0.1:8080/Service.asmx"

// PartnerAPIFault is the detail of faults of the SOAP interface as an XML Schema, which PartnerAPI holds as well.
func PartnerAPIFault() string { return partnerAPIFault }
