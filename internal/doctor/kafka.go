package doctor

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
)

// Kafka is what is looked at in Kafka.
type Kafka struct {
	Client *kgo.Client
	// Spec is what Parley's topics must be.
	Spec topics.Spec
	// Embedded: the only broker is our own.
	Embedded bool
}
