package schemas

import parleyv1 "parley/schemas/parley/v1"

// Unsupported says which option of a valid call this version does not carry out; nil: none. Such a call is refused:
// who asks to be told must not wait in vain.
func Unsupported(call *parleyv1.Call) *Problem {
	for _, r := range call.GetOptions().GetSendResponseTo() {
		if r.ResponseType == ResponseEmail {
			return problem(InvalidParameter, "/options/sendResponseTo", "this version tells callers by HTTPPost, and by polling")
		}
	}
	return nil
}
