package chdb

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Exception is an error of the engine, with the code and name of ClickHouse's ErrorCodes.cpp.
type Exception struct {
	// Code is e.g. 60; 0 when the engine gave none.
	Code int
	// Name is e.g. UNKNOWN_TABLE; empty when the engine gave none.
	Name string
	// Message is the text without code, class and name.
	Message string
}

func (e *Exception) Error() string {
	return fmt.Sprintf("code: %d, message: %s (%s)", e.Code, e.Message, e.Name)
}

// The engine's errors read "Code: 60. DB::Exception: Unknown table ... (UNKNOWN_TABLE)", some with the version behind.
var (
	exceptionHead = regexp.MustCompile(`^(?:Error: )?Code: (\d+)\. (?:\w+::)*\w*Exception: `)
	exceptionTail = regexp.MustCompile(`\s*\(([A-Z][A-Z0-9_]+)\)(?: \(version [^()]*(?:\([^()]*\))?\))?\s*$`)
)

// parseException reads the text of an error. One that does not follow the pattern keeps its whole text.
func parseException(text string) *Exception {
	text = strings.TrimSpace(text)
	head := exceptionHead.FindStringSubmatch(text)
	if head == nil {
		return &Exception{Message: text}
	}
	e := &Exception{Message: text[len(head[0]):]}
	if code, err := strconv.Atoi(head[1]); err == nil {
		e.Code = code
	}
	if tail := exceptionTail.FindStringSubmatchIndex(e.Message); tail != nil {
		e.Name = e.Message[tail[2]:tail[3]]
		e.Message = e.Message[:tail[0]]
	}
	return e
}
