package schemas

import parleyv1 "parley/schemas/parley/v1"

// Unsupported says which option of a valid call this version does not carry out; nil: none. Such a call is refused:
// a call that asks for tomorrow must not run today.
func Unsupported(call *parleyv1.Call) *Problem {
	o := call.GetOptions()
	switch {
	case o.GetRequestType() == "Synchronous":
		return problem(InvalidParameter, "/options/requestType", "this version takes Asynchronous calls only")
	case o != nil && o.ScheduledTimeMs != nil:
		return problem(InvalidParameter, "/options/scheduledTime", "this version does not schedule calls")
	case o != nil && o.StartByMs != nil:
		return problem(InvalidParameter, "/options/startBy", "this version does not let calls expire")
	}
	for _, r := range o.GetSendResponseTo() {
		if r.ResponseType != "None" {
			return problem(InvalidParameter, "/options/sendResponseTo", "this version tells callers by polling only")
		}
	}
	return nil
}
