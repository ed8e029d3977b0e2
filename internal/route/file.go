package route

import (
	"bytes"
	"cmp"
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
			c.add(inOurWords(e))
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

// What the decoder says, with names that are none of the reader's business.
var (
	unknownMember = regexp.MustCompile(`field (.+) not found in type route\.\w+$`)
	otherType     = regexp.MustCompile("cannot unmarshal !!\\w+ (?:`(.*)` )?into (\\S+)$")
)

// typeWords say what a Go type is in YAML; one that is not here is a mapping.
var typeWords = map[string]string{
	"int": "a whole number", "float64": "a number", "bool": "true or false",
	"string": "a text", "route.Delivery": "a text", "[]route.entry": "a list",
}

// inOurWords is a problem as the decoder says it, for who wrote the file.
func inOurWords(problem string) string {
	if m := otherType.FindStringSubmatchIndex(problem); m != nil {
		said := problem[:m[0]] + cmp.Or(typeWords[problem[m[4]:m[5]]], "a mapping") + " belongs here"
		if m[2] >= 0 {
			said += fmt.Sprintf(", not %q", problem[m[2]:m[3]])
		}
		return said
	}
	return unknownMember.ReplaceAllString(problem, `there is no member "$1" here`)
}

// Error says everything that is wrong with a table.
type Error struct {
	// Problems are sentences, those of one place beginning with its line.
	Problems []string
}

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }

// file is a table as written.
type file struct {
	Routes []entry `yaml:"routes"`
}

type entry struct {
	Name         string             `yaml:"name"`
	Match        matchEntry         `yaml:"match"`
	Executor     executorEntry      `yaml:"executor"`
	Delivery     optional[Delivery] `yaml:"delivery"`
	Idempotent   bool               `yaml:"idempotent"`
	Concurrency  optional[int]      `yaml:"concurrency"`
	RateLimit    float64            `yaml:"rateLimit"`
	Retry        retryEntry         `yaml:"retry"`
	DeferTimeout optional[duration] `yaml:"deferTimeout"`
	Batch        batchEntry         `yaml:"batch"`
}

type matchEntry struct {
	Account    optional[string] `yaml:"account"`
	Method     optional[string] `yaml:"method"`
	ObjectType optional[string] `yaml:"objectType"`
}

type executorEntry struct {
	Type       string             `yaml:"type"`
	URL        optional[string]   `yaml:"url"`
	Topic      optional[string]   `yaml:"topic"`
	ReplyTopic optional[string]   `yaml:"replyTopic"`
	From       optional[string]   `yaml:"from"`
	ReplyTo    optional[string]   `yaml:"replyTo"`
	AwaitReply optional[bool]     `yaml:"awaitReply"`
	Timeout    optional[duration] `yaml:"timeout"`
}

type retryEntry struct {
	Initial     optional[duration] `yaml:"initial"`
	Max         optional[duration] `yaml:"max"`
	MaxAttempts optional[int]      `yaml:"maxAttempts"`
}

type batchEntry struct {
	Max    optional[int]      `yaml:"max"`
	Linger optional[duration] `yaml:"linger"`
}

// optional is a member that may be absent.
type optional[T any] struct {
	// at is nil when the member is absent, or cannot be read: then that is said, and nothing more of it.
	at *T
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (o *optional[T]) UnmarshalYAML(n *yaml.Node) error {
	v := new(T)
	if err := n.Decode(v); err != nil {
		return err
	}
	o.at = v
	return nil
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
