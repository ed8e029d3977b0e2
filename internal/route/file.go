package route

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Load reads the table in a YAML file. See Parse.
func Load(file string) (*Table, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	t, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read routes of %s: %w", file, err)
	}
	return t, nil
}

// Parse reads a table from YAML. It is strict: an unknown or repeated member, a bad value, a route that can never
// match, or something that this version does not carry out is an error. The error is an *Error and holds every
// problem, unless the text is not YAML at all.
func Parse(b []byte) (*Table, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	var f file
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var c checker
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		te, ok := errors.AsType[*yaml.TypeError](err)
		if !ok {
			return nil, fmt.Errorf("parse: %w", err)
		}
		for _, e := range te.Errors {
			c.add(unknownMember.ReplaceAllString(e, `there is no member "$1" here`))
		}
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		c.add("a routes file is one YAML document; this has more after it")
	}
	t := c.table(f, &root)
	if len(c.problems) > 0 {
		return nil, &Error{Problems: c.problems}
	}
	return t, nil
}

// unknownMember is how the decoder says it, with a name that is none of the reader's business.
var unknownMember = regexp.MustCompile(`field (.+) not found in type route\.\w+$`)

// Error says everything that is wrong with a table.
type Error struct {
	// Problems are sentences, those of one place beginning with its line.
	Problems []string
}

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }

// file is a table as written. A pointer is nil where the member is absent.
type file struct {
	Routes []entry `yaml:"routes"`
}

type entry struct {
	Name         string        `yaml:"name"`
	Match        matchEntry    `yaml:"match"`
	Executor     executorEntry `yaml:"executor"`
	Delivery     *Delivery     `yaml:"delivery"`
	Idempotent   bool          `yaml:"idempotent"`
	Concurrency  *int          `yaml:"concurrency"`
	RateLimit    float64       `yaml:"rateLimit"`
	Retry        retryEntry    `yaml:"retry"`
	DeferTimeout *duration     `yaml:"deferTimeout"`
	Batch        batchEntry    `yaml:"batch"`
}

type matchEntry struct {
	Account    *string `yaml:"account"`
	Method     *string `yaml:"method"`
	ObjectType *string `yaml:"objectType"`
}

type executorEntry struct {
	Type       string    `yaml:"type"`
	URL        *string   `yaml:"url"`
	Topic      *string   `yaml:"topic"`
	ReplyTopic *string   `yaml:"replyTopic"`
	Timeout    *duration `yaml:"timeout"`
}

type retryEntry struct {
	Initial     *duration `yaml:"initial"`
	Max         *duration `yaml:"max"`
	MaxAttempts *int      `yaml:"maxAttempts"`
}

type batchEntry struct {
	Max    *int      `yaml:"max"`
	Linger *duration `yaml:"linger"`
}

// duration is a Go duration, as 1500ms or 10s.
type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: a duration is written as 200ms, 10s or 1h30m, not %q", n.Line, n.Value)}}
	}
	*d = duration(v)
	return nil
}
