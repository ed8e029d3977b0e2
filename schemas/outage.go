package schemas

import "time"

// RouteQuery asks whether the calls of a route are carried out now, as the owner of a partition knows it.
type RouteQuery struct {
	Partition int32
	// Route is its name.
	Route string
}

// RouteOutage is why the calls of a route wait. The zero value: they are carried out.
type RouteOutage struct {
	Cause OutageCause
	// For is how long it lasts at the least; zero: nobody knows.
	For time.Duration
}

// OutageCause is why the calls of a route wait.
type OutageCause string

const (
	// OutageNone: they do not.
	OutageNone OutageCause = ""
	// OutageCircuit: the route kept failing, and is left alone or is being tried.
	OutageCircuit OutageCause = "circuit"
	// OutageMaintenance: somebody has put it into maintenance.
	OutageMaintenance OutageCause = "maintenance"
)
