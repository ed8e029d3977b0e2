package schemas

// Headers of a record of parley.calls that was on the wrong partition and was forwarded to the right one.
const (
	// HeaderFirstAppended is when the record was first appended, in milliseconds since 1970 UTC.
	HeaderFirstAppended = "first-appended-ms"
	// HeaderForwardedFrom is the partition where it was.
	HeaderForwardedFrom = "forwarded-from"
)
