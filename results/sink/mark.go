package sink

import (
	"fmt"
	"strconv"
	"strings"
)

// mark is what the group keeps of a partition: everything before offset is stored, and, while planned is true,
// the next block is exactly [offset, to). Only a mark that is planned has metadata:
//
//	parley.sink/1 to=1234
type mark struct {
	offset  int64
	to      int64
	planned bool
}

const markPrefix = "parley.sink/1 to="

func (m mark) metadata() string {
	if !m.planned {
		return ""
	}
	return markPrefix + strconv.FormatInt(m.to, 10)
}

// parseMark reads what was committed for a partition. No commit at all is offset -1. Metadata that no sink wrote,
// such as a tool's that moved the offset, is an error.
func parseMark(offset int64, metadata string) (mark, error) {
	if metadata == "" {
		return mark{offset: offset}, nil
	}
	text, ok := strings.CutPrefix(metadata, markPrefix)
	to, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || offset < 0 || to <= offset {
		return mark{offset: offset}, fmt.Errorf("parse mark: no plan of a block at offset %d: %q", offset, metadata)
	}
	return mark{offset: offset, to: to, planned: true}, nil
}
