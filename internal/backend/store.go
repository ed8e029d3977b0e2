package backend

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// store holds the objects. It is guarded by its owner.
type store struct {
	objects map[objectKey]*stored
}

type objectKey struct{ account, kind, key string }

func (k objectKey) compare(other objectKey) int {
	return cmp.Or(cmp.Compare(k.account, other.account), cmp.Compare(k.kind, other.kind), cmp.Compare(k.key, other.key))
}

// stored is what the backend knows of an object.
type stored struct {
	exists     bool // created and not deleted
	performed  int64
	properties map[string]json.RawMessage
}

// execute carries the call out, object by object, and returns a result for each.
func (s *store) execute(c *Call) []Result {
	results := make([]Result, len(c.Objects))
	for i := range c.Objects {
		o := &c.Objects[i]
		r := Result{Ordinal: i, CorrelationID: o.CorrelationID, Status: statusOK}
		if code, message := s.act(c, i); code != "" {
			r.Status, r.ErrorCode, r.Message = statusError, code, message
		}
		results[i] = r
	}
	return results
}

// act does one object's part and returns the code and message of its error, empty if there is none.
func (s *store) act(c *Call, ordinal int) (code, message string) {
	o := &c.Objects[ordinal]
	b, err := o.behavior()
	if err != nil {
		return "InvalidBehavior", err.Error()
	}
	if b.Error != "" {
		return b.Error, b.Message
	}
	k := objectKey{c.Account, o.Type, c.key(ordinal)}
	known := s.objects[k]
	exists := known != nil && known.exists
	switch {
	case c.Method == methodCreate && exists:
		return "AlreadyExists", fmt.Sprintf("%s %s is there already", k.kind, k.key)
	case (c.Method == methodUpdate || c.Method == methodDelete) && !exists:
		return "NotFound", fmt.Sprintf("there is no %s %s", k.kind, k.key)
	}
	if known == nil {
		known = new(stored)
		s.objects[k] = known
	}
	switch c.Method {
	case methodCreate:
		known.exists, known.properties = true, o.own()
	case methodUpdate:
		if known.properties == nil {
			known.properties = make(map[string]json.RawMessage)
		}
		maps.Copy(known.properties, o.own())
	case methodDelete:
		known.exists, known.properties = false, nil
	case methodPerform:
		known.performed++
	}
	return "", ""
}

// ObjectView is an object as GET /objects tells it.
type ObjectView struct {
	Account    string                     `json:"account"`
	Type       string                     `json:"type"`
	Key        string                     `json:"key"`
	Exists     bool                       `json:"exists"`
	Performed  int64                      `json:"performed"`
	Properties map[string]json.RawMessage `json:"properties"`
}

func (s *store) view(k objectKey) (ObjectView, bool) {
	o, ok := s.objects[k]
	if !ok {
		return ObjectView{}, false
	}
	return ObjectView{
		Account: k.account, Type: k.kind, Key: k.key,
		Exists: o.exists, Performed: o.performed, Properties: maps.Clone(o.properties),
	}, true
}

// page returns up to limit objects of an account after the given one, of one type unless it is empty.
func (s *store) page(account, kind string, after objectKey, limit int) []ObjectView {
	var keys []objectKey
	for k := range s.objects {
		if k.account == account && (kind == "" || k.kind == kind) && k.compare(after) > 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, objectKey.compare)
	views := make([]ObjectView, 0, min(limit, len(keys)))
	for _, k := range keys[:min(limit, len(keys))] {
		v, _ := s.view(k)
		views = append(views, v)
	}
	return views
}
