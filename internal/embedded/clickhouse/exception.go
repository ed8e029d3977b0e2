package clickhouse

import (
	"context"
	"errors"
	"fmt"

	"parley/internal/embedded/chdb"
)

// Codes of ClickHouse's ErrorCodes.cpp for what the server itself refuses. All others come from the engine.
const (
	codeBadArguments          = 36
	codeNotImplemented        = 48
	codeUnknownType           = 50
	codeSyntaxError           = 62
	codeCannotParseNumber     = 72
	codeUnknownFormat         = 73
	codeUnknownPacket         = 99
	codeUnexpectedPacket      = 101
	codeUnknownSetting        = 115
	codeIncorrectData         = 117
	codeTooBigString          = 131
	codeReadOnly              = 164
	codeTooDeep               = 167
	codeTooBig                = 168
	codeTooManyConnections    = 202
	codeSameQueryID           = 216
	codeSessionNotFound       = 372
	codeSessionLocked         = 373
	codeInvalidSessionTimeout = 374
	codeQueryCancelled        = 394
	codeUnknownRole           = 511
	codeAuthenticationError   = 516
	codeUnknownException      = 1002
)

// codeNames are the names of these codes.
var codeNames = map[int]string{
	codeBadArguments:          "BAD_ARGUMENTS",
	codeCannotParseNumber:     "CANNOT_PARSE_NUMBER",
	codeUnknownFormat:         "UNKNOWN_FORMAT",
	codeReadOnly:              "READONLY",
	codeSameQueryID:           "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
	codeSessionNotFound:       "SESSION_NOT_FOUND",
	codeSessionLocked:         "SESSION_IS_LOCKED",
	codeInvalidSessionTimeout: "INVALID_SESSION_TIMEOUT",
	codeUnknownRole:           "UNKNOWN_ROLE",
	codeNotImplemented:        "NOT_IMPLEMENTED",
	codeUnknownType:           "UNKNOWN_TYPE",
	codeSyntaxError:           "SYNTAX_ERROR",
	codeUnknownPacket:         "UNKNOWN_PACKET_FROM_CLIENT",
	codeUnexpectedPacket:      "UNEXPECTED_PACKET_FROM_CLIENT",
	codeUnknownSetting:        "UNKNOWN_SETTING",
	codeIncorrectData:         "INCORRECT_DATA",
	codeTooBigString:          "TOO_LARGE_STRING_SIZE",
	codeTooDeep:               "TOO_DEEP_AST",
	codeTooBig:                "TOO_BIG_AST",
	codeTooManyConnections:    "TOO_MANY_SIMULTANEOUS_QUERIES",
	codeQueryCancelled:        "QUERY_WAS_CANCELLED",
	codeAuthenticationError:   "AUTHENTICATION_FAILED",
	codeUnknownException:      "UNKNOWN_EXCEPTION",
}

func exceptionf(code int, format string, args ...any) *chdb.Exception {
	return &chdb.Exception{Code: code, Name: codeNames[code], Message: fmt.Sprintf(format, args...)}
}

// asException returns what a client is told of err: the engine's exception, or one that stands for our own failure.
func asException(err error) *chdb.Exception {
	if e, ok := errors.AsType[*chdb.Exception](err); ok {
		if e.Code == 0 {
			e = &chdb.Exception{Code: codeUnknownException, Name: codeNames[codeUnknownException], Message: e.Message}
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		return exceptionf(codeQueryCancelled, "Query was cancelled.")
	}
	return exceptionf(codeUnknownException, "%v", err)
}
