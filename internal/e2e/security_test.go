//go:build e2e

package e2e_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/certs"
	"parley/internal/e2e/kafka"
	"parley/internal/grants"
	ourkafka "parley/internal/kafka"
	"parley/internal/pause"
	"parley/internal/secret"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/schemas"
)

// site is a broker that allows nothing but what is granted, and lets clients in by TLS with certificates, by SASL over TLS,
// and by tokens. Its plain listener is the administrator's.
type site struct {
	*testing.T

	dir   string
	kafka *kafka.Cluster
	// own are the files of the broker, shown those of the processor.
	own, shown testkit.Files
	identity   *identity
	admin      *kadm.Client
	parley     grants.Parley
}

const (
	scram = "SCRAM"
	mtls  = "MTLS"
	oauth = "OAUTH"
)

// passwords of the users of SCRAM and PLAIN.
const password = "correct horse"

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, dir: t.TempDir(), identity: newIdentity(t), parley: grants.Parley{
		Prefix: "parley", Requests: []string{"postings"}, Replies: []string{"postings-done"}, Account: "acme",
	}}
	a, err := testkit.NewAuthority()
	s.must(err)
	s.must(os.Mkdir(filepath.Join(s.dir, "broker"), 0o700), os.Mkdir(filepath.Join(s.dir, "node"), 0o700))
	s.own, err = a.Issue(filepath.Join(s.dir, "broker"), "127.0.0.1")
	s.must(err)
	s.shown, err = a.Issue(filepath.Join(s.dir, "node"), "processor")
	s.must(err)
	s.write("password", password+"\n")
	cert, err := os.ReadFile(s.own.Cert)
	s.must(err)
	key, err := os.ReadFile(s.own.Key)
	s.must(err)
	tls := map[string]string{
		"ssl.keystore.type": "PEM", "ssl.keystore.location": s.write("broker.pem", string(key)+string(cert)),
		"ssl.truststore.type": "PEM", "ssl.truststore.location": s.own.Authority,
	}
	with := func(more map[string]string) map[string]string {
		maps.Copy(more, tls)
		return more
	}
	const security = "org.apache.kafka.common.security."
	t.Setenv("JAVA_TOOL_OPTIONS", "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+s.identity.URL+"/keys")
	s.kafka = cluster(t, kafka.Config{
		Brokers: 1,
		Listeners: []kafka.Listener{
			{Name: scram, Protocol: "SASL_SSL", Properties: with(map[string]string{
				"sasl.enabled.mechanisms":                 "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
				"scram-sha-512.sasl.jaas.config":          security + "scram.ScramLoginModule required;",
				"scram-sha-256.sasl.jaas.config":          security + "scram.ScramLoginModule required;",
				"plain.sasl.jaas.config":                  security + `plain.PlainLoginModule required user_operator="` + password + `";`,
				"scram-sha-512.connections.max.reauth.ms": "5000",
			})},
			{Name: mtls, Protocol: "SSL", Properties: with(map[string]string{"ssl.client.auth": "required"})},
			{Name: oauth, Protocol: "SASL_SSL", Properties: with(map[string]string{
				"sasl.enabled.mechanisms":                        "OAUTHBEARER",
				"oauthbearer.sasl.jaas.config":                   security + "oauthbearer.OAuthBearerLoginModule required;",
				"oauthbearer.sasl.server.callback.handler.class": security + "oauthbearer.OAuthBearerValidatorCallbackHandler",
				"oauthbearer.sasl.oauthbearer.jwks.endpoint.url": s.identity.URL + "/keys",
				"oauthbearer.sasl.oauthbearer.expected.issuer":   s.identity.URL,
				"oauthbearer.sasl.oauthbearer.expected.audience": "kafka",
			})},
		},
		Properties: map[string]string{
			"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
			"allow.everyone.if.no.acl.found": "false",
			"super.users":                    "User:ANONYMOUS",
		},
		Users: []kafka.User{
			{Mechanism: "SCRAM-SHA-512", Name: "ingest", Password: password}, {Mechanism: "SCRAM-SHA-512", Name: "setup", Password: password},
			{Mechanism: "SCRAM-SHA-256", Name: "outside", Password: password},
		},
	})
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Addrs()...))
	s.must(err)
	t.Cleanup(client.Close)
	s.admin = kadm.NewClient(client)
	return s
}

func (s *site) must(errs ...error) {
	s.Helper()
	for _, err := range errs {
		if err != nil {
			s.Fatal(err)
		}
	}
}

func (s *site) write(name, text string) string {
	s.Helper()
	name = filepath.Join(s.dir, name)
	s.must(os.WriteFile(name, []byte(text), 0o600))
	return name
}

// until waits for a condition, and says what was met last if it never comes.
func (s *site) until(what string, met func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 90*time.Second)
	defer cancel()
	for {
		err := met()
		if err == nil {
			return
		}
		if pause.For(ctx, 50*time.Millisecond) != nil {
			s.Fatalf("%s: %v", what, err)
		}
	}
}

// grant gives a principal what a role needs.
func (s *site) grant(user string, role grants.Role) {
	s.Helper()
	for _, g := range s.parley.For(role) {
		b := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
		if g.Prefixed {
			b.ResourcePatternType(kmsg.ACLResourcePatternTypePrefixed)
		}
		op, err := kmsg.ParseACLOperation(string(g.Operation))
		s.must(err)
		b.Operations(op)
		switch g.Kind {
		case grants.Topic:
			b.Topics(g.Name)
		case grants.Group:
			b.Groups(g.Name)
		case grants.TransactionalID:
			b.TransactionalIDs(g.Name)
		case grants.Cluster:
			b.Clusters()
		}
		made, err := s.admin.CreateACLs(deadline(s.T), b)
		s.must(err)
		for _, m := range made {
			s.must(m.Err)
		}
	}
}

// client connects as a user of SASL.
func (s *site) client(user, mechanism string, opts ...kgo.Opt) *kgo.Client {
	s.Helper()
	c, err := ourkafka.New(ourkafka.Config{
		Brokers: s.kafka.ListenerAddrs(scram), Files: certs.ClientFiles{CA: s.own.Authority},
		SASL: ourkafka.SASL{Mechanism: mechanism, User: user, Password: secret.Text{Value: password}},
		Log:  slog.New(slog.DiscardHandler),
	})
	s.must(err)
	client, err := kgo.NewClient(append(c.Options("e2e-"+user), opts...)...)
	s.must(err)
	s.Cleanup(client.Close)
	return client
}

// settings by which the processes get in.
func (s *site) access(user string) []string {
	by := func(listener string, more ...string) []string {
		return append(more, "PARLEY_KAFKA_BROKERS="+s.kafka.ListenerAddrs(listener)[0], "PARLEY_KAFKA_CA="+s.own.Authority)
	}
	switch user {
	case "CN=processor":
		return by(mtls, "PARLEY_KAFKA_CERT="+s.shown.Cert, "PARLEY_KAFKA_KEY="+s.shown.Key)
	case "results":
		return by(oauth, "PARLEY_KAFKA_SASL=oauthbearer", "PARLEY_KAFKA_OAUTH_TOKEN_URL="+s.identity.URL+"/token",
			"PARLEY_KAFKA_OAUTH_CLIENT_ID=results", "PARLEY_KAFKA_OAUTH_CLIENT_SECRET="+password)
	case "operator":
		return by(scram, "PARLEY_KAFKA_SASL=plain", "PARLEY_KAFKA_USER=operator", "PARLEY_KAFKA_PASSWORD="+password)
	}
	return by(scram, "PARLEY_KAFKA_SASL=scram-sha-512", "PARLEY_KAFKA_USER="+user, "PARLEY_KAFKA_PASSWORD_FILE="+filepath.Join(s.dir, "password"))
}

// command is parley as a user of Kafka.
func (s *site) command(user string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...) // a verb ends by itself, a node when the test does
	cmd.Env = append(os.Environ(), s.access(user)...)
	return cmd
}

// verb runs one and returns what it says.
func (s *site) verb(user string, args ...string) string {
	s.Helper()
	out, err := s.command(user, args...).CombinedOutput()
	if err != nil {
		s.Fatalf("parley %s as %s: %v\n%s", strings.Join(args, " "), user, err, out)
	}
	return string(out)
}

// node starts one with a role, and returns its URL when it is ready.
func (s *site) node(user, role, instance string, more ...string) (url string, log string) {
	s.Helper()
	address := free(s.T)
	cmd := s.command(user, append([]string{
		"serve", "--roles", role, "--instance", instance, "--http-addr", address, "--data-dir", filepath.Join(s.dir, instance), "--secret", "0123456789abcdef",
		"--routes", filepath.Join(s.dir, "routes.yaml"), "--auth", "none", "--trim-after", "1s", "--allow-unsafe-topics", "--session-timeout", "6s", "--replication", "1",
	}, more...)...)
	log = filepath.Join(s.dir, instance+".log")
	f, err := os.Create(log)
	s.must(err)
	cmd.Stdout, cmd.Stderr = f, f
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := <-ended; err != nil {
			s.Errorf("%s: %v", role, err)
		}
		if said, err := os.ReadFile(log); err == nil && s.Failed() {
			s.Logf("%s said:\n%s", role, said[max(0, len(said)-6000):])
		}
		_ = f.Close()
	})
	s.until(role+" is ready", func() error {
		select {
		case err := <-ended:
			ended <- err
			said, _ := os.ReadFile(log)
			s.Fatalf("%s ended: %v\n%s", role, err, said)
		default:
		}
		_, err := get("http://" + address + "/readyz")
		return err
	})
	return "http://" + address, log
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// get returns the body of a page that is as it should be.
func get(url string) (string, error) {
	r, err := http.Get(url) //nolint:gosec // it is on this machine
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, r.Status, b)
	}
	return string(b), err
}

// identity gives signed tokens for secrets, and the key to check them by.
type identity struct {
	*httptest.Server

	key *rsa.PrivateKey
}

func newIdentity(t *testing.T) *identity {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	id := &identity{key: key}
	encode := base64.RawURLEncoding.EncodeToString
	mux := http.NewServeMux()
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"k","alg":"RS256","use":"sig","n":%q,"e":%q}]}`, encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		user, secret, _ := r.BasicAuth()
		if strings.ReplaceAll(secret, "+", " ") != password {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		now := time.Now().Unix()
		unsigned := encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode(fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":"kafka","iat":%d,"exp":%d}`, id.URL, user, now, now+300))
		sum := sha256.Sum256([]byte(unsigned))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": unsigned + "." + encode(signature), "token_type": "bearer", "expires_in": 300})
	})
	id.Server = httptest.NewServer(mux)
	t.Cleanup(id.Close)
	return id
}

const routesText = `routes:
  - name: ledger
    match: {objectType: Posting}
    executor: {type: kafka, topic: postings, replyTopic: postings-done}
  - name: all
    executor: {type: http, url: %q}
`

// With what is granted to each, and no more, the whole story works: nodes of one role each, operators, producers, tenants and
// backends. And each of the grants is needed: the broker's log says what it allowed by which.
func TestGrants(t *testing.T) {
	s := newSite(t)
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer backend.Close()
	s.write("routes.yaml", fmt.Sprintf(routesText, backend.URL))
	ctx := deadline(t)
	for user, role := range map[string]grants.Role{
		"ingest": grants.Ingest, "CN=processor": grants.Processor, "results": grants.Results, "operator": grants.Operator, "setup": grants.Setup,
	} {
		s.grant(user, role)
	}
	for _, role := range []grants.Role{grants.Producer, grants.Tenant, grants.Backend} {
		s.grant("outside", role) // one user for all that are outside
	}
	if _, err := s.admin.CreateTopics(ctx, 1, 1, nil, "postings", "postings-done"); err != nil {
		t.Fatal(err)
	}
	names := schemas.TopicsOf("parley")
	_, err := topics.Ensure(ctx, s.client("setup", ourkafka.ScramSHA512), topics.Spec{
		Topics: names, Layout: topics.Layout{Partitions: 2, ResultPartitions: 1}, Replication: 1,
	})
	s.must(err)
	s.reassign(names.Dead)
	s.verb("setup", "inbox", "create", "acme", "--partitions", "1")

	native := free(t)
	record, _ := s.node("results", "results", "results", "--embedded-clickhouse-addr="+native, "--embedded-clickhouse-http-addr="+free(t))
	dsn := "--clickhouse-dsn=clickhouse://" + native + "/parley"
	s.node("CN=processor", "processor", "first", dsn)
	url, said := s.node("ingest", "ingest", "ingest", dsn)
	s.changePassword(said)
	s.verb("operator", "subscribers", "create", "warehouse", "--types", "call.completed", "--url", url)

	outside := s.client("outside", ourkafka.ScramSHA256, kgo.ConsumerGroup("parley-backend"), kgo.ConsumeTopics("postings"))
	s.tell(outside, names)
	// Its callback goes nowhere, but is signed before: the processor makes the first secret of the account.
	r, err := http.Post(url+"/v1/calls", "application/json", strings.NewReader(`{"method":"Create","objects":[{"type":"Posting","customerKey":"p"}],"options":{"conversationId":"posted","sequenceCode":1,"callsInConversation":1,`+
		`"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":"https://localhost/","respondWhen":"OnCallComplete"}]}}`))
	s.must(err)
	_ = r.Body.Close()
	s.answer(outside)
	for _, conversation := range []string{"posted", "told", "owned"} {
		s.until(conversation+" is complete", func() error {
			account := "default"
			if conversation == "owned" {
				account = "acme"
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/conversations/"+conversation+"?wait=5s", nil)
			s.must(err)
			req.Header.Set("Parley-Account", account)
			r, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer r.Body.Close()
			if b, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(b), `"status":"Complete"`) {
				return fmt.Errorf("%s %w", b, err)
			}
			return nil
		})
	}
	s.until("the subscriber gets what has ended", func() error {
		if out := s.verb("operator", "dequeue", "1", "--all", "--url", url); !strings.Contains(out, `"conversationId":"posted"`) {
			return fmt.Errorf("%q", out)
		}
		return nil
	})
	s.until("its queue is measured", func() error {
		page, err := get(record + "/metrics")
		if err == nil && !strings.Contains(page, `parley_subscriber_queue_depth{subscriber="1"}`) {
			err = errors.New("there is no depth of it")
		}
		return err
	})
	s.verb("operator", "subscribers", "delete", "1", "--url", url)
	s.node("CN=processor", "processor", "second", dsn) // it takes over a partition
	s.verb("operator", "routes", "maintenance", "all", "--reason", "test", "--url", url)
	s.verb("operator", "erase", "--account", "acme", "--subscriber-key", "nobody", "--url", url)
	s.verb("operator", "accounts", "set", "acme", "--rate", "500")
	s.until("what cannot be read is dead", func() error {
		if out := s.verb("operator", "dead", "list"); !strings.Contains(out, "2 records") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	s.verb("operator", "dead", "replay", "0")
	wrong := s.command("operator", "keys", "list")
	wrong.Env = append(wrong.Env, "PARLEY_KAFKA_PASSWORD=wrong")
	if out, err := wrong.CombinedOutput(); err == nil || !strings.Contains(string(out), "refused operator") {
		t.Errorf("a wrong password: %v, %s", err, out)
	}
	s.until("every grant is needed", s.allNeeded)
}

// reassign asks for the replicas of a topic as topics apply does where some are missing. Here none is: there is one broker.
func (s *site) reassign(topic string) {
	s.Helper()
	all, err := s.admin.ListTopics(deadline(s.T), topic)
	s.must(err)
	has := all[topic].Partitions[0].Replicas
	s.must(topics.Reassign(deadline(s.T), s.client("setup", ourkafka.ScramSHA512), []topics.Step{
		{Topic: topic, Replicas: []topics.Reassignment{{Partition: 0, Have: has, Want: has}}},
	}))
}

// changePassword has Kafka know another password than the file, for a while.
func (s *site) changePassword(log string) {
	s.Helper()
	_, err := s.admin.AlterUserSCRAMs(deadline(s.T), nil, []kadm.UpsertSCRAM{{User: "ingest", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "another"}})
	s.must(err)
	said := func(what string) {
		s.Helper()
		s.until(what, func() error {
			text, err := os.ReadFile(log)
			if err == nil && !strings.Contains(string(text), what) {
				err = fmt.Errorf("%s", text)
			}
			return err
		})
	}
	said("Kafka does not let us in")
	s.write("password", "another\n")
	said("Kafka lets us in again")
}

// tell writes calls as a producer and as a tenant, and something that cannot be read as both.
func (s *site) tell(outside *kgo.Client, names schemas.Topics) {
	s.Helper()
	call := func(account, conversation string) []byte {
		return fmt.Appendf(nil, `{"account":%q,"method":"Create","objects":[{"type":"Order","customerKey":"1"}],"options":{"conversationId":%q,"sequenceCode":1,"callsInConversation":1}}`, account, conversation)
	}
	s.must(outside.ProduceSync(deadline(s.T),
		&kgo.Record{Topic: names.Calls, Key: []byte("default/told"), Value: call("default", "told")},
		&kgo.Record{Topic: names.Calls, Key: []byte("k"), Value: []byte("no call")},
		&kgo.Record{Topic: names.Inbox("acme"), Key: []byte("acme/owned"), Value: call("acme", "owned")},
		&kgo.Record{Topic: names.Inbox("acme"), Key: []byte("k"), Value: []byte("no call")},
	).FirstErr())
}

// answer is a backend that takes a request and answers it.
func (s *site) answer(outside *kgo.Client) {
	s.Helper()
	ctx := deadline(s.T)
	fetches := outside.PollFetches(ctx)
	s.must(fetches.Err())
	for _, r := range fetches.Records() {
		for _, h := range r.Headers {
			if h.Key == schemas.HeaderDeferredToken {
				s.must(outside.ProduceSync(ctx, &kgo.Record{Topic: "postings-done", Value: []byte(`{"results":[]}`), Headers: []kgo.RecordHeader{h}}).FirstErr())
			}
		}
	}
	s.must(outside.CommitUncommittedOffsets(ctx))
}

// audited is what StandardAuthorizer logs of a request that it allows, or not.
var audited = regexp.MustCompile(`Principal = User:(\S+) is (Allowed|Denied) operation = (\w+) from host = \S+ on resource = (\w+):\w+:(\S+) for request = (\w+) .* based on rule (.*)`)

// matching is the grant in it.
var matching = regexp.MustCompile(`resourceType=(\w+), resourceName=([^,]+), patternType=(\w+), .*operation=(\w+)`)

// allNeeded reads the broker's log.
func (s *site) allNeeded() error {
	text, err := os.ReadFile(s.kafka.Log(0))
	s.must(err)
	used, denied := make(map[string]bool), make(map[string]bool)
	for _, m := range audited.FindAllStringSubmatch(string(text), -1) {
		user, verdict, operation, rule := m[1], m[2], m[3], m[7]
		if verdict == "Denied" {
			denied[fmt.Sprintf("%s: %s of %s %s by %s", user, operation, m[4], m[5], m[6])] = true
			continue
		}
		if g := matching.FindStringSubmatch(rule); len(g) == 5 && g[4] == operation {
			used[strings.Join(append([]string{user}, g[1:]...), " ")] = true
		}
	}
	var unused []string
	for user, role := range map[string]grants.Role{"ingest": grants.Ingest, "CN=processor": grants.Processor, "results": grants.Results} {
		for _, g := range s.parley.For(role) {
			op, err := kmsg.ParseACLOperation(string(g.Operation))
			s.must(err)
			kind := strings.ToUpper(strings.ReplaceAll(string(g.Kind), "-", "_"))
			if role == grants.Results && g.Name == "parley.dead" && g.Operation == grants.Write {
				continue // no event is made here that ClickHouse cannot hold
			}
			if key := strings.Join([]string{user, kind, g.Name, strings.ToUpper(g.Pattern()), op.String()}, " "); !used[key] {
				unused = append(unused, key)
			}
		}
	}
	if len(unused) > 0 || len(denied) > 0 {
		return fmt.Errorf("not needed: %q\ndenied: %q", unused, slices.Sorted(maps.Keys(denied)))
	}
	return nil
}
