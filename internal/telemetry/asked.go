package telemetry

import (
	"fmt"
	"strings"
)

// What the OpenTelemetry specification calls the settings that decide whether there are traces. All others, as the
// endpoint, its headers, the sampler and the bounds of what is kept, the SDK reads itself.
const (
	envDisabled       = "OTEL_SDK_DISABLED"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// Asked reports whether the environment asks for traces: it names an endpoint or the exporter otlp. Unlike the
// specification, which has them on by default, Parley makes none for an environment that says nothing. Its error names
// the setting that asks for what is not there.
func Asked(getenv func(string) string) (bool, error) {
	if strings.EqualFold(getenv(envDisabled), "true") {
		return false, nil
	}
	switch exporter := getenv(envExporter); exporter {
	case "none":
		return false, nil
	case "":
		if getenv(envEndpoint) == "" && getenv(envTracesEndpoint) == "" {
			return false, nil
		}
	case "otlp":
	default:
		return false, fmt.Errorf("%s is %q; traces go out by otlp, or by none", envExporter, exporter)
	}
	for _, name := range []string{envTracesProtocol, envProtocol} {
		switch protocol := getenv(name); protocol {
		case "":
			continue
		case "http/protobuf":
			return true, nil
		default:
			return false, fmt.Errorf("%s is %q; traces go out by http/protobuf, which collectors take on port 4318", name, protocol)
		}
	}
	return true, nil
}
