package telemetry

import (
	"strings"
	"testing"
)

func TestAsked(t *testing.T) {
	t.Parallel()
	const endpoint = "http://collector:4318"
	for _, c := range []struct {
		name    string
		env     map[string]string
		want    bool
		problem string // part of the error
	}{
		{name: "nothing"},
		{name: "an endpoint", env: map[string]string{envEndpoint: endpoint}, want: true},
		{name: "an endpoint for traces", env: map[string]string{envTracesEndpoint: endpoint + "/v1/traces"}, want: true},
		{name: "the exporter", env: map[string]string{envExporter: "otlp"}, want: true},
		{name: "no exporter", env: map[string]string{envExporter: "none", envEndpoint: endpoint}},
		{name: "disabled", env: map[string]string{envDisabled: "TRUE", envEndpoint: endpoint}},
		{name: "not disabled", env: map[string]string{envDisabled: "false", envEndpoint: endpoint}, want: true},
		{name: "another exporter", env: map[string]string{envExporter: "zipkin"}, problem: `OTEL_TRACES_EXPORTER is "zipkin"`},
		{name: "its protocol", env: map[string]string{envEndpoint: endpoint, envProtocol: "http/protobuf"}, want: true},
		{name: "another protocol", env: map[string]string{envEndpoint: endpoint, envProtocol: "grpc"}, problem: `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"`},
		{name: "a protocol for traces", env: map[string]string{envEndpoint: endpoint, envProtocol: "grpc", envTracesProtocol: "http/protobuf"}, want: true},
		{name: "another protocol, and no endpoint", env: map[string]string{envProtocol: "grpc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Asked(func(name string) string { return c.env[name] })
			if got != c.want || (err != nil) != (c.problem != "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%v, %v; want %v, %q", got, err, c.want, c.problem)
			}
		})
	}
}
