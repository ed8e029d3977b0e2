package schemas

import _ "embed"

//go:embed openapi.yaml
var openAPI string

//go:embed asyncapi.yaml
var asyncAPI string

// OpenAPI is the HTTP interface as an OpenAPI 3.1 document, in YAML.
func OpenAPI() string { return openAPI }

// AsyncAPI is the topics as an AsyncAPI 3.0 document, in YAML.
func AsyncAPI() string { return asyncAPI }
