package exacttarget

import (
	"fmt"

	"github.com/google/uuid"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
)

// DescribeRequest is the local name of what asks which members objects have.
const DescribeRequest = "DefinitionRequestMsg"

// describedMax bounds the types that one request asks about: an answer about one may have 30 kB.
const describedMax = 100

// Describe answers a DefinitionRequestMsg, from the schema. Of a type that there is not, it tells the name alone.
func Describe(e *soap.Element) ([]byte, error) {
	b := []byte(`<DefinitionResponseMsg xmlns="` + partnerapi.Namespace + `">`)
	n := 0
	for all := range e.All("DescribeRequests") {
		for asked := range all.All("ObjectDefinitionRequest") {
			name := asked.Child("ObjectType").Value()
			if name == "" {
				continue
			}
			if n++; n > describedMax {
				return nil, &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("a request describes at most %d types; send several", describedMax)}
			}
			b = appendDefinition(b, name)
		}
	}
	b = partnerapi.AppendElement(b, "RequestID", uuid.NewString())
	return append(b, `</DefinitionResponseMsg>`...), nil
}

// appendDefinition appends an ObjectDefinition.
func appendDefinition(b []byte, name string) []byte {
	b = append(b, `<ObjectDefinition>`...)
	b = partnerapi.AppendElement(b, "ObjectType", name)
	if t := partnerapi.Lookup(name); t.Is("APIObject") {
		results := typeNamed(name)
		b = partnerapi.AppendElement(b, "Name", name)
		b = appendBoolean(b, "IsCreatable", results == nil)
		b = appendBoolean(b, "IsUpdatable", results == nil)
		b = appendBoolean(b, "IsRetrievable", results != nil)
		b = appendBoolean(b, "IsQueryable", false)
		b = appendBoolean(b, "IsReference", false)
		for _, m := range t.Members {
			b = appendProperty(b, m, results)
		}
	}
	return append(b, `</ObjectDefinition>`...)
}

// appendProperty appends a PropertyDefinition. results is the type that has the member, if that can be retrieved; else nil.
func appendProperty(b []byte, m partnerapi.Member, results *resultType) []byte {
	retrievable, filterable := false, false
	if results != nil {
		p, _ := results.property(m.Name)
		retrievable = p.value != nil
		filterable = retrievable && !p.told
	}
	b = append(b, `<Properties><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/>`...)
	b = partnerapi.AppendElement(b, "Name", m.Name)
	data, value, kind := wordsOf(m.Type)
	b = partnerapi.AppendElement(b, "DataType", data)
	if value != "" {
		b = partnerapi.AppendElement(b, "ValueType", value)
		b = partnerapi.AppendElement(b, "PropertyType", kind)
	}
	b = appendBoolean(b, "IsCreatable", results == nil)
	b = appendBoolean(b, "IsUpdatable", results == nil)
	b = appendBoolean(b, "IsRetrievable", retrievable)
	b = appendBoolean(b, "IsQueryable", false)
	b = appendBoolean(b, "IsFilterable", filterable)
	return append(b, `</Properties>`...)
}

// wordsOf are a type as DataType, ValueType (SoapType) and PropertyType have it, of which the last two have no words for what has
// members.
func wordsOf(t *partnerapi.Type) (data, value, kind string) {
	switch t.Kind {
	case partnerapi.Text:
		return "String", "xsd:string", "string"
	case partnerapi.Boolean:
		return "Boolean", "xsd:boolean", "boolean"
	case partnerapi.Whole:
		return "Int32", "xsd:double", "double"
	case partnerapi.Number:
		return "Double", "xsd:double", "double"
	case partnerapi.Time:
		return "DateTime", "xsd:dateTime", "datetime"
	case partnerapi.Complex:
	}
	return t.Name, "", ""
}

func appendBoolean(b []byte, element string, value bool) []byte {
	return partnerapi.AppendElement(b, element, fmt.Sprint(value))
}
