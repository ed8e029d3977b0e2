package testkit

import "time"

// Patience is how long a test waits for what must come. It tells a test that hangs from one that goes on, and says nothing of
// how fast Parley is: a machine may be so busy that what takes milliseconds takes a minute. It is less than go test's own
// timeout, so that the test can say what did not come.
const Patience = 5 * time.Minute
