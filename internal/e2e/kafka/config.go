package kafka

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Config says what a cluster is.
type Config struct {
	// Dir is where brokers keep their data, their settings and their logs. It is made; what it had must not be of brokers.
	Dir string
	// Brokers is how many there are. Zero: 3. Topics get as many replicas, up to 3, unless they say otherwise.
	Brokers int
	// Listeners are further ones, beside the plain one without authentication which brokers use among themselves.
	Listeners []Listener
	// Properties are added to those of all brokers, and stand above them; see properties.go.
	Properties map[string]string
	// Features are the levels of Kafka's features, as transaction.version. What is not here is as this version of Kafka
	// has it.
	Features map[string]int
	// Users have a password for SCRAM from the beginning: a broker can be asked to make one only by who is a user already.
	Users []User
}

// Listener is where brokers speak in another way than the plain one.
type Listener struct {
	// Name is in capital letters.
	Name string
	// Protocol is SASL_PLAINTEXT, SSL, SASL_SSL or PLAINTEXT.
	Protocol string
	// Properties are those of this listener, without the prefix listener.name.NAME.
	Properties map[string]string
}

// User of SCRAM.
type User struct {
	// Mechanism is SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism      string
	Name, Password string
}

// Names of the listeners that every broker has.
const (
	listenerPlain      = "PLAIN"
	listenerController = "CONTROLLER"
)

// Validate reports every problem.
func (c Config) Validate() error {
	var errs []error
	if !filepath.IsAbs(c.Dir) {
		errs = append(errs, fmt.Errorf("dir: an absolute path, not %q", c.Dir))
	}
	if c.Brokers < 0 {
		errs = append(errs, fmt.Errorf("brokers: 1 or more, not %d", c.Brokers))
	}
	for _, l := range c.Listeners {
		if l.Name == "" || l.Name != strings.ToUpper(l.Name) || l.Name == listenerPlain || l.Name == listenerController {
			errs = append(errs, fmt.Errorf("listeners: a name in capital letters, neither %s nor %s, not %q", listenerPlain, listenerController, l.Name))
		}
	}
	return errors.Join(errs...)
}

// formatArgs are those of Kafka's storage tool, which writes what is known before the first start.
func (c Config) formatArgs(properties string) []string {
	args := []string{"format", "--cluster-id", clusterID, "--config", properties}
	for _, name := range slices.Sorted(maps.Keys(c.Features)) {
		args = append(args, "--feature", fmt.Sprintf("%s=%d", name, c.Features[name]))
	}
	for _, u := range c.Users {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", u.Mechanism, u.Name, u.Password))
	}
	return args
}

// clusterID is a UUID as Kafka writes it; clusters never meet.
const clusterID = "cGFybGV5LWUyZS1rYWZrYQ"
