// Package conversation decides what happens to a conversation. It is a pure state machine: Step takes a state and
// an input and returns the next state and the effects that the shell must perform. It reads no clock, does no IO
// and keeps nothing, so that production, replay and tests see the same decisions.
//
//	          parts arrive             all parts are there            the last part ended
//	New ───────────────▶ Staging ───────────────▶ Processing ───────────────▶ Ended
//	                        │ timeout, conflict,      │ a part failed            ▲
//	                        └─────────────────────────┴──────────────────────────┘
//
// The shell commits the state and the events before it performs an Execute. A State is a value: Step does not
// modify the one that it is given.
package conversation
