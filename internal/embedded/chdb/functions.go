package chdb

import "unsafe"

// handle is a C pointer to something that the engine owns; 0 is none.
type handle uintptr

// stateSuccess is CHDBSuccess of enum chdb_state.
const stateSuccess int32 = 0

// functions are the entry points of chdb.h that this package uses, without their prefix chdb_.
type functions struct {
	setSignalHandlersEnabled func(enabled int32)
	version                  func() string
	connect                  func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn                func(conn unsafe.Pointer)
	classify                 func(conn handle, sql unsafe.Pointer, n uintptr, db unsafe.Pointer, dbLen uintptr, out unsafe.Pointer) int32

	query       statementFunc
	streamQuery statementFunc
	streamFetch func(conn, stream handle) handle
	cancelQuery func(conn, stream handle)

	streamInsert  statementFunc
	streamAppend  func(insert handle, data unsafe.Pointer, n uintptr) int32
	streamDone    func(insert handle) handle
	cancelInsert  func(insert handle)
	insertError   func(insert handle) string
	destroyInsert func(insert handle)

	resultBuffer       func(result handle) unsafe.Pointer
	resultLength       func(result handle) uintptr
	resultError        func(result handle) string
	resultRowsRead     func(result handle) uint64
	resultBytesRead    func(result handle) uint64
	resultRowsWritten  func(result handle) uint64
	resultBytesWritten func(result handle) uint64
	destroyResult      func(result handle)
}

// statementFunc is the common signature of the functions that begin a statement with parameters:
// text and length, format and length, then four arrays of count entries.
type statementFunc func(conn handle, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, formatLen uintptr,
	names, nameLens, values, valueLens unsafe.Pointer, count uintptr) handle

// symbols maps each symbol of the library to the field that will hold it.
func (f *functions) symbols() map[string]any {
	return map[string]any{
		"chdb_set_signal_handlers_enabled": &f.setSignalHandlersEnabled,
		"chdb_version":                     &f.version,
		"chdb_connect":                     &f.connect,
		"chdb_close_conn":                  &f.closeConn,
		"chdb_classify_query_n":            &f.classify,
		"chdb_query_with_params_n":         &f.query,
		"chdb_stream_query_with_params_n":  &f.streamQuery,
		"chdb_stream_fetch_result":         &f.streamFetch,
		"chdb_stream_cancel_query":         &f.cancelQuery,
		"chdb_stream_insert_with_params_n": &f.streamInsert,
		"chdb_stream_append":               &f.streamAppend,
		"chdb_stream_done":                 &f.streamDone,
		"chdb_stream_cancel_insert":        &f.cancelInsert,
		"chdb_stream_insert_error":         &f.insertError,
		"chdb_destroy_insert_stream":       &f.destroyInsert,
		"chdb_result_buffer":               &f.resultBuffer,
		"chdb_result_length":               &f.resultLength,
		"chdb_result_error":                &f.resultError,
		"chdb_result_storage_rows_read":    &f.resultRowsRead,
		"chdb_result_storage_bytes_read":   &f.resultBytesRead,
		"chdb_result_rows_written":         &f.resultRowsWritten,
		"chdb_result_bytes_written":        &f.resultBytesWritten,
		"chdb_destroy_query_result":        &f.destroyResult,
	}
}
