package subscriber

import (
	"bufio"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// steps are those of a transaction, whatever the version of the protocol. When a request is sent, the brokers may have done
// what it asks; when it is answered, they have, and the member does not know it.
var steps = []string{
	"Produce sent", "Produce answered",
	"TxnOffsetCommit sent", "TxnOffsetCommit answered",
	"EndTxn sent", "EndTxn answered",
}

// freezer has a member stand still when it comes to a step for the first time, and say so, until it is given a line.
type freezer struct {
	at   string
	say  io.Writer
	wait io.Reader
	once sync.Once
}

var (
	_ kgo.HookBrokerWrite = (*freezer)(nil)
	_ kgo.HookBrokerRead  = (*freezer)(nil)
)

func (f *freezer) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	f.step(key, "sent", err)
}

func (f *freezer) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	f.step(key, "answered", err)
}

func (f *freezer) step(key int16, what string, err error) {
	if err != nil || kmsg.NameForKey(key)+" "+what != f.at {
		return
	}
	f.once.Do(func() {
		fmt.Fprintln(f.say, f.at)
		_, _ = bufio.NewReader(f.wait).ReadString('\n') // at the end of the test there is none
	})
}
