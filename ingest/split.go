package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"parley/schemas"
)

// form is how a body holds its calls.
type form int

const (
	// oneCall is a body that is a call.
	oneCall form = iota
	// callArray is a JSON array of calls.
	callArray
	// callLines is NDJSON: a call a line.
	callLines
)

// mimeForm is what curl -d says of a body unless it is told otherwise. A browser can say it too, without asking: that
// a page of another origin cannot send calls is not for the media type to prevent.
const mimeForm = "application/x-www-form-urlencoded"

// formOf tells the form of a body from its media type and its first byte.
func formOf(contentType string, body []byte) (form, error) {
	media, err := mediaType(contentType)
	switch {
	case err == nil && media == mimeNDJSON:
		return callLines, nil
	case err == nil && media == mimeJSON && jsontext.Value(body).Kind() == '[':
		return callArray, nil
	case err == nil && media == mimeJSON:
		return oneCall, nil
	}
	return 0, refusal{&schemas.Problem{
		Code:   schemas.InvalidBody,
		Detail: fmt.Sprintf("send calls as %s or %s, not as %.100q", mimeJSON, mimeNDJSON, contentType),
	}, http.StatusUnsupportedMediaType}
}

// mediaType reads a Content-Type.
func mediaType(contentType string) (string, error) {
	switch contentType {
	case mimeJSON, mimeNDJSON:
		return contentType, nil
	case "":
		return mimeJSON, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if media == mimeForm {
		return mimeJSON, nil
	}
	return media, err
}

// split returns the bytes of each call of a body. The body as a whole is refused when it holds none, or more than
// callsMax, or is an array that is not JSON: where a broken array's calls begin and end would be a guess, and no
// call is queued on a guess. A call that is not one is left to whoever decodes it.
func split(body []byte, f form, callsMax int) ([][]byte, *schemas.Problem) {
	var calls [][]byte
	switch f {
	case callArray:
		var p *schemas.Problem
		if calls, p = elements(body, callsMax); p != nil {
			return nil, p
		}
	case callLines:
		calls = lines(body, callsMax)
	default:
		return [][]byte{body}, nil
	}
	if len(calls) > callsMax {
		return nil, &schemas.Problem{Code: schemas.TooLarge, Detail: fmt.Sprintf("a request has at most %d calls; send them in several", callsMax)}
	}
	if len(calls) == 0 {
		return nil, &schemas.Problem{Code: schemas.InvalidBody, Detail: "the body has no call"}
	}
	return calls, nil
}

// elements returns the elements of a JSON array, up to one more than callsMax. What is wrong inside an element but
// does not move its end, repeated names and invalid UTF-8, is left in it.
func elements(body []byte, callsMax int) ([][]byte, *schemas.Problem) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return nil, brokenArray(err, 0)
	}
	var calls [][]byte
	for d.PeekKind() != ']' && len(calls) <= callsMax {
		v, err := d.ReadValue()
		if err != nil {
			return nil, brokenArray(err, len(calls))
		}
		end := int(d.InputOffset())
		calls = append(calls, body[end-len(v):end])
	}
	if len(calls) > callsMax {
		return calls, nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, brokenArray(err, len(calls))
	}
	if rest := bytes.TrimLeft(body[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, &schemas.Problem{Code: schemas.InvalidBody, Detail: fmt.Sprintf("the array ends at byte %d, and more follows", d.InputOffset())}
	}
	return calls, nil
}

func brokenArray(err error, element int) *schemas.Problem {
	p := &schemas.Problem{Code: schemas.InvalidBody, Pointer: fmt.Sprintf("/%d", element)}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		p.Detail = fmt.Sprintf("not valid JSON at byte %d: %.100v; nothing was queued", e.ByteOffset, e.Err)
		return p
	}
	p.Detail = fmt.Sprintf("not valid JSON: %.100v; nothing was queued", err)
	return p
}

// lines returns the lines that are not blank, without their ends, up to one more than callsMax.
func lines(body []byte, callsMax int) [][]byte {
	var calls [][]byte
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(bytes.TrimLeft(line, " \t\r")) == 0 {
			continue
		}
		if calls = append(calls, line); len(calls) > callsMax {
			break
		}
	}
	return calls
}
