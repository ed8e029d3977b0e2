package doctor

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"parley/internal/topics"
)

// broker is one broker of a cluster.
type broker struct {
	id   int32
	addr string
	// err is why it does not answer there.
	err error
	// version is what it speaks, as v4.2 or more words; the protocol does not tell a patch release.
	version string
	// transactionVersion is the finalized feature transaction.version; -1: the broker tells of no features.
	transactionVersion int16
}

// transactionFeature is the name of the feature that says how transactions end (KIP-890).
const transactionFeature = "transaction.version"

// askVersion asks a broker, or whichever there is, what it speaks.
func askVersion(ctx context.Context, to kmsg.Requestor, b broker) broker {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "parley", "doctor"
	resp, err := req.RequestWith(ctx, to)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if b.err = err; err != nil {
		return b
	}
	b.version = kversion.FromApiVersionsResponse(resp).VersionGuess()
	b.transactionVersion = -1
	if resp.FinalizedFeaturesEpoch >= 0 {
		b.transactionVersion = 0
	}
	for _, f := range resp.FinalizedFeatures {
		if f.Name == transactionFeature {
			b.transactionVersion = f.MaxVersionLevel
		}
	}
	return b
}

// release is a version without its patch.
type release struct{ major, minor int }

var releaseForm = regexp.MustCompile(`v(\d+)\.(\d+)`)

// releaseOf is the least version that the words of a guess allow; false: they name none.
func releaseOf(guess string) (release, bool) {
	m := releaseForm.FindStringSubmatch(guess)
	if m == nil {
		return release{}, false
	}
	major, err := strconv.Atoi(m[1])
	minor, err2 := strconv.Atoi(m[2])
	return release{major, minor}, err == nil && err2 == nil
}

func (r release) before(other release) bool {
	return r.major < other.major || r.major == other.major && r.minor < other.minor
}

// Releases of Apache Kafka.
var (
	triedFrom   = release{3, 9} // the oldest that Parley is tried on
	featureFrom = release{4, 0} // knows transaction.version 2 (KIP-890, part 2)
	mendedFrom  = release{4, 2} // has what is known of transactions mended
)

// judgeVersions judges what the brokers speak. Those that have not answered are left out.
func judgeVersions(all []broker) Report {
	var versions []string
	var answered []broker
	for _, b := range all {
		if b.err == nil {
			answered = append(answered, b)
			versions = append(versions, b.version)
		}
	}
	if len(answered) == 0 {
		return Report{{Check: KafkaVersion, Subject: "brokers", Verdict: Unknown, Found: "no broker says what it speaks", Meaning: "nobody can tell which errors they have"}}
	}
	slices.Sort(versions)
	versions = slices.Compact(versions)
	var r Report
	for _, v := range versions {
		r = append(r, judgeVersion(v))
	}
	if len(versions) > 1 {
		r = append(r, Finding{
			Check: KafkaVersion, Subject: "brokers", Verdict: Warning, Found: fmt.Sprintf("they speak different versions: %q", versions),
			Meaning: "an upgrade is under way, or was left half done", Remedy: "bring all brokers to one version",
		})
	}
	return append(r, judgeFeature(answered[0]))
}

func judgeVersion(guess string) Finding {
	f := Finding{Check: KafkaVersion, Subject: "brokers", Verdict: OK, Found: "speak Kafka " + guess}
	v, ok := releaseOf(guess)
	const upgrade = "upgrade the brokers to 4.2 or later"
	switch {
	case !ok:
		f.Verdict, f.Meaning = Unknown, "nobody can tell which errors they have"
	case v.before(triedFrom):
		f.Verdict, f.Meaning, f.Remedy = Warning, "Parley was never tried on a version before 3.9", upgrade
	case v.before(featureFrom):
		f.Verdict, f.Meaning, f.Remedy = Warning, "it works; a late message may end another transaction than its own (KAFKA-17754)", upgrade
	case v.before(mendedFrom):
		f.Verdict, f.Remedy = Warning, upgrade
		f.Meaning = "it works; transactions have known errors in releases before 4.2 (KAFKA-18660, KAFKA-19690, KAFKA-19999), and which patch release it is the protocol does not tell"
	}
	return f
}

// judgeFeature judges how transactions end, which is the same at all brokers of a cluster.
func judgeFeature(b broker) Finding {
	f := Finding{Check: KafkaFeatures, Subject: transactionFeature, Verdict: OK, Found: strconv.Itoa(int(b.transactionVersion))}
	v, _ := releaseOf(b.version)
	switch {
	case b.transactionVersion < 0:
		f.Verdict, f.Found, f.Meaning = Unknown, "the brokers do not tell", "whether a late message may end another transaction than its own (KAFKA-17754) is not known"
	case b.transactionVersion < 2:
		f.Verdict, f.Meaning = Warning, "a late message may end another transaction than its own (KAFKA-17754): then what was given up may be read, and what was committed be lost"
		f.Remedy = "kafka-features.sh --bootstrap-server " + b.addr + " upgrade --feature transaction.version=2"
		if v.before(featureFrom) {
			f.Remedy = "upgrade the brokers to 4.2 or later, then kafka-features.sh upgrade --feature transaction.version=2"
		}
	}
	return f
}

// brokersOf asks every broker of a cluster at the address that it advertises.
func brokersOf(ctx context.Context, client *kgo.Client, addrs []topics.BrokerAddr) []broker {
	return each(addrs, func(a topics.BrokerAddr) broker {
		return askVersion(ctx, client.Broker(int(a.ID)), broker{id: a.ID, addr: a.Addr})
	})
}
