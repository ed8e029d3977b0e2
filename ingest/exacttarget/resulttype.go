package exacttarget

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"parley/internal/partnerapi"
)

// resultType is a type of objects that can be retrieved.
type resultType struct {
	name string
	// perCall says that there is an object of it for each call, and not for each of its objects.
	perCall bool
	// properties are its members in the order of the schema.
	properties []property
}

// property is a member of a resultType.
type property struct {
	name string
	kind kind
	// value is what an object has there, in canonical form; empty: nothing. nil: no object has anything.
	value func(*Row) string
	// told says that objects are not found by it.
	told bool
	// always says that the member stands in every answer, whatever is asked for.
	always bool
	// nillable says that it is nil where it is always and has no value.
	nillable bool
}

// The types that can be retrieved.
const (
	resultItem    = "ResultItem"
	resultMessage = "ResultMessage"
)

// resultTypes are all that can be retrieved. They are put together once, of the schema.
var resultTypes = sync.OnceValue(func() []resultType {
	return []resultType{
		newResultType(resultItem, false, map[string]property{
			"CustomerKey":       {value: func(r *Row) string { return r.CustomerKey }},
			"CorrelationID":     {value: func(r *Row) string { return r.CorrelationID }},
			"OrdinalID":         {kind: kindNumber, value: func(r *Row) string { return strconv.Itoa(r.Ordinal) }},
			"RequestObjectType": {value: func(r *Row) string { return r.ObjectType }},
		}),
		newResultType(resultMessage, true, map[string]property{
			"OverallStatusCode":   {value: func(r *Row) string { return r.StatusCode }},
			"ResultType":          {value: func(*Row) string { return partnerapi.Asynchronous }},
			"ResultDetailXML":     {kind: kindDetail, told: true, value: func(r *Row) string { return r.detail() }},
			"SequenceCode":        {kind: kindNumber, value: func(r *Row) string { return number(int(r.SequenceCode)) }},
			"CallsInConversation": {kind: kindNumber, told: true, value: func(r *Row) string { return number(int(r.CallsInConversation)) }},
		}),
	}
})

// newResultType is the type that the schema declares by a name, of which some members have values.
func newResultType(name string, perCall bool, own map[string]property) resultType {
	t := resultType{name: name, perCall: perCall}
	shared := sharedProperties()
	for _, m := range partnerapi.Lookup(name).Members {
		p, ok := own[m.Name]
		if !ok {
			p = shared[m.Name]
		}
		p.name = m.Name
		// PartnerKey and ObjectID are nil in every object that is retrieved.
		p.nillable = m.Nillable && p.value == nil
		p.always = p.nillable || m.Min > 0
		t.properties = append(t.properties, p)
	}
	return t
}

// sharedProperties are those that all resultTypes have.
func sharedProperties() map[string]property {
	return map[string]property{
		"CreatedDate":    {kind: kindTime, value: func(r *Row) string { return formatInstant(r.Created) }},
		"ModifiedDate":   {kind: kindTime, value: func(r *Row) string { return formatInstant(r.Modified) }},
		"RequestID":      {kind: kindID, value: func(r *Row) string { return r.RequestID }},
		"ConversationID": {value: func(r *Row) string { return r.ConversationID }},
		"StatusCode":     {value: func(r *Row) string { return r.StatusCode }},
		"StatusMessage":  {value: func(r *Row) string { return r.StatusMessage }},
		"ErrorCode":      {kind: kindNumber, value: func(r *Row) string { return number(r.ErrorCode) }},
		"RequestType":    {value: func(*Row) string { return partnerapi.Asynchronous }},
	}
}

// number is a number that is no value when it is zero.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// typeNamed is the type of a name; nil: there is none that can be retrieved.
func typeNamed(name string) *resultType {
	i := slices.IndexFunc(resultTypes(), func(t resultType) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return &resultTypes()[i]
}

// property is the member that a caller names, in any case, or with a part of it, as Client.ID.
func (t *resultType) property(name string) (property, bool) {
	member, part, nested := strings.Cut(name, ".")
	for _, p := range t.properties {
		if strings.EqualFold(p.name, member) && (!nested || p.value == nil && part != "") {
			return p, true
		}
	}
	return property{}, false
}

// append appends an object of the type, with the properties that are wanted and have a value, in the order of the schema.
func (t *resultType) append(b []byte, r *Row, wanted map[string]bool) []byte {
	b = append(append(append(b, `<Results xsi:type="`...), t.name...), `">`...)
	for _, p := range t.properties {
		value := ""
		if p.value != nil && (p.always || wanted[p.name]) {
			value = p.value(r)
		}
		switch {
		case value != "" || p.always && !p.nillable:
			b = partnerapi.AppendElement(b, p.name, value)
		case p.always:
			b = append(append(append(b, '<'), p.name...), ` xsi:nil="true"/>`...)
		}
	}
	return append(b, `</Results>`...)
}
