package exacttarget_test

import (
	"testing"

	"parley/ingest/exacttarget"
	"parley/internal/partnerapi"
)

func BenchmarkObject(b *testing.B) {
	for name, text := range map[string]string{
		"Subscriber": `<Objects xsi:type="Subscriber"><CustomerKey>row-1</CustomerKey><CorrelationID>a</CorrelationID><EmailAddress>x@example.com</EmailAddress>` +
			`<Attributes><Name>First</Name><Value>Ann</Value></Attributes><SubscriberKey>s</SubscriberKey></Objects>`,
		"DataExtensionObject": `<Objects xsi:type="DataExtensionObject"><CustomerKey>row-1</CustomerKey><CorrelationID>a</CorrelationID><Properties>` +
			`<Property><Name>Email</Name><Value>x@example.com</Value></Property><Property><Name>First</Name><Value>Ann</Value></Property></Properties></Objects>`,
	} {
		e := element(b, text)
		o := exacttarget.Object(e)
		b.Run("read/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				exacttarget.Object(e)
			}
		})
		b.Run("write/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var buffer []byte
			for b.Loop() {
				buffer = partnerapi.AppendObject(buffer[:0], o, "Object", partnerapi.WholeObject)
			}
		})
	}
}
