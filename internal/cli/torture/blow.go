package torture

import (
	"context"
	"time"
)

// Blow is one thing that is done to one victim.
type Blow struct {
	// Victim is the name of a member, or of one of the victims below; of what Do does, the name that the report shall give it.
	// The blows of one victim come one after the other, those of different victims meet.
	Victim string
	Kind   Kind
	// At is when it falls, from the beginning of the load; Lasts is how long until it is made good.
	At, Lasts time.Duration
	// Do and Undo are what is done to what is not Parley's, as a broker, and what makes it good; Kind is then only told. Nil:
	// it is what Kind says. An error of theirs ends the run.
	Do, Undo func(context.Context) error
}

// Kind is what is done.
type Kind string

const (
	// Killed: a member or the backend ends by SIGKILL, and is started again.
	Killed Kind = "killed with SIGKILL, started again"
	// Frozen: a member gets SIGSTOP, and SIGCONT.
	Frozen Kind = "frozen with SIGSTOP, woken"
	// Stopped: a member ends by SIGTERM, and is started again.
	Stopped Kind = "stopped with SIGTERM, started again"
	// CutOff: a member's connections to all brokers are reset, and so are new ones.
	CutOff Kind = "cut off from all brokers, joined again"
	// Silenced: nothing passes between a member and the brokers, and nobody says so.
	Silenced Kind = "without a word from all brokers, joined again"
	// CutFromCoordinator: a member is cut off from the broker that leads the group of the processors when it begins.
	CutFromCoordinator Kind = "cut off from the broker that leads its group, joined again"
	// Far: what passes between a member and the brokers takes a tenth of a second longer, each way.
	Far Kind = "far from all brokers, near again"
	// CutFromPeers: no other member reaches a member.
	CutFromPeers Kind = "cut off from its peers, joined again"
	// Failing: the backend answers all attempts with 503.
	Failing Kind = "made to answer 503, healed"
	// Maintained: a route is put into maintenance, and out of it.
	Maintained Kind = "put into maintenance, and out of it"
	// Dead: one of the receivers of callbacks has its connections reset, and takes none.
	Dead Kind = "dead, alive again"
)

// Victims that are no member.
const (
	VictimBackend  = "backend"
	VictimRoutes   = "routes"
	VictimReceiver = "receiver"
)
