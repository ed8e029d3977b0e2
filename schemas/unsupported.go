package schemas

import parleyv1 "parley/schemas/parley/v1"

// Unsupported says which option of a valid call this version does not carry out; nil: none. Such a call is refused:
// who asks to be told must not wait in vain.
func Unsupported(call *parleyv1.Call) *Problem {
	o := call.GetOptions()
	if IsSynchronous(call) {
		return problem(InvalidParameter, "/options/requestType", "this version takes Asynchronous calls only")
	}
	for _, r := range o.GetSendResponseTo() {
		if r.ResponseType != "None" {
			return problem(InvalidParameter, "/options/sendResponseTo", "this version tells callers by polling only")
		}
	}
	return nil
}
