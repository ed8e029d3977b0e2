// Package doctor says what is wrong with an installation, what it means, and what to do. Each check is two things: a look
// that gathers facts and judges nothing, and a judgement of facts that looks at nothing. A node asks the checks that must
// hold when it starts (Start), parley doctor asks all of them.
package doctor

import "slices"

// Check is the name of a check.
type Check string

// The checks, in the order in which they are reported.
const (
	KafkaBrokers     Check = "kafka-brokers"
	KafkaVersion     Check = "kafka-version"
	KafkaFeatures    Check = "kafka-features"
	KafkaTimeouts    Check = "kafka-timeouts"
	KafkaInternal    Check = "kafka-internal-topics"
	KafkaAccess      Check = "kafka-access"
	KafkaClock       Check = "kafka-clock"
	TopicsThere      Check = "topics-there"
	TopicsPartitions Check = "topics-partitions"
	TopicsDurable    Check = "topics-replication"
	TopicsSettings   Check = "topics-settings"
	TopicsInSync     Check = "topics-in-sync"
	Producers        Check = "producers"
	ClickHouseThere  Check = "clickhouse"
	ClickHouseOld    Check = "clickhouse-version"
	ClickHouseSchema Check = "clickhouse-schema"
	ClickHouseTables Check = "clickhouse-tables"
	ClickHouseAccess Check = "clickhouse-access"
	ClickHouseClock  Check = "clickhouse-clock"
	Routes           Check = "routes"
	Mail             Check = "mail"
	Nodes            Check = "nodes"
	DataFolder       Check = "data-folder"
)

// Described is a check for those who read of it.
type Described struct {
	Check Check
	// Asks is what is looked at.
	Asks string
	// Means is what comes of it when the answer is not good.
	Means string
	// Remedy is what to do.
	Remedy string
	// Start: a node looks, too, when it starts, and does not start when it fails, unless --allow-unsafe-topics.
	Start bool
}

// Checks describes all checks.
func Checks() []Described { return slices.Clone(checks) }

func (c Check) place() int {
	return slices.IndexFunc(checks, func(d Described) bool { return d.Check == c })
}

var checks = []Described{
	{
		KafkaBrokers, "every broker of the cluster, at the address that it advertises",
		"a node reaches the first address, and not those that it is sent to: it does not start, or stops when a leader moves",
		"mend advertised.listeners, the name service or the firewall; see that the broker runs", false,
	},
	{
		KafkaVersion, "what the brokers speak",
		"transactions have known errors before 4.2 (KAFKA-17754, KAFKA-18660, KAFKA-19690, KAFKA-19999); 3.9 works",
		"upgrade the brokers to 4.2 or later, all of them", false,
	},
	{
		KafkaFeatures, "the finalized feature transaction.version",
		"below 2 a late message may end another transaction than its own (KAFKA-17754)",
		"kafka-features.sh --bootstrap-server ADDR upgrade --feature transaction.version=2", false,
	},
	{
		KafkaTimeouts, "transaction.max.timeout.ms, group.min.session.timeout.ms, group.max.session.timeout.ms of the brokers",
		"a PARLEY_SESSION_TIMEOUT beyond them is refused when a node joins its group or begins a transaction",
		"change PARLEY_SESSION_TIMEOUT, or the setting of the brokers", false,
	},
	{
		KafkaInternal, "replicas and min.insync.replicas of __consumer_offsets and __transaction_state; before they are made, what the brokers will make",
		"with one replica, a broker that is lost takes along what was read and what was committed: calls stand still, or run again",
		"offsets.topic.replication.factor=3, transaction.state.log.replication.factor=3, transaction.state.log.min.isr=2 before they are made; then kafka-reassign-partitions.sh", false,
	},
	{
		KafkaAccess, "whether this client may do what a node of these roles does with topics, groups and transactional ids",
		"a node would be refused while it runs",
		"the command kafka-acls.sh that the finding has", false,
	},
	{
		KafkaClock, "the clock of each broker against this one's, by the append time of a tick, which changes nothing",
		"parts time out by the brokers' clocks, what is scheduled starts by that of the nodes, and nodes refuse one another's questions by theirs",
		"have all machines follow one time, as with chrony or systemd-timesyncd", false,
	},
	{
		TopicsThere, "Parley's own topics, and those of accounts and subscribers",
		"a node makes those that are missing, if it may",
		"parley topics apply", false,
	},
	{
		TopicsPartitions, "partition counts against those that the control topic has",
		"calls of one conversation could meet different owners: no node starts, whatever is allowed, and those that run stop",
		"make a new set of topics under another prefix", true,
	},
	{
		TopicsDurable, "the replicas of each partition against PARLEY_REPLICATION",
		"what was acknowledged is lost with the brokers that have it",
		"parley topics apply --reassign", true,
	},
	{
		TopicsSettings, "cleanup.policy, retention, message.timestamp.type, max.message.bytes, min.insync.replicas, unclean.leader.election.enable",
		"what was acknowledged is lost, or what is within the limits refused",
		"parley topics apply", true,
	},
	{
		TopicsInSync, "the leader and the replicas in sync of each partition, now",
		"calls of a partition without a leader do not go on; one that lacks replicas bears fewer losses",
		"start the brokers that are away", false,
	},
	{
		Producers, "the last records of the calls' partitions: whether each is where its key, and what it says, belong",
		"a record in another partition is forwarded to its own: it costs a commit, and may come behind later ones",
		"partitioner=murmur2_random for producers made with librdkafka; the key is account/conversationId", false,
	},
	{
		ClickHouseThere, "whether ClickHouse answers at the DSN",
		"results wait in Kafka, and polls of calls that ended long ago are not answered",
		"mend PARLEY_CLICKHOUSE_DSN; see that the server runs", false,
	},
	{
		ClickHouseOld, "the version of ClickHouse",
		"Parley is tried on 24.x and later",
		"upgrade ClickHouse", false,
	},
	{
		ClickHouseSchema, "the migrations that were applied, against those of this program",
		"a node with the role results applies what is missing; a database that is ahead belongs to a newer Parley",
		"start a node with the role results, of the newest version; parley schema prints the statements", false,
	},
	{
		ClickHouseTables, "the engines of the tables, and their windows of deduplication",
		"a block that is repeated after a crash would be there twice, until it is merged away",
		"ALTER TABLE … MODIFY SETTING, as the finding has it", false,
	},
	{
		ClickHouseAccess, "whether the user of the DSN may read, insert and alter, and is not readonly",
		"the sink would be refused: results wait in Kafka",
		"the GRANT that the finding has", false,
	},
	{
		ClickHouseClock, "the clock of ClickHouse against this one's, by half the round trip",
		"rows are dated by the nodes; what now() says in a report or a retention is another time",
		"have all machines follow one time", false,
	},
	{
		Routes, "the file of routes, and each backend: name, connection, TLS, an answer to HEAD, which carries nothing out; the topics of kafka routes",
		"calls of this route wait",
		"mend the route, the name service, the certificate or the backend", false,
	},
	{
		Mail, "the mail server of `PARLEY_SMTP_URL`: name, connection, EHLO, TLS, whether it takes the user and the password; nothing is sent",
		"callers are told by mail when it takes us, within a day, or not at all",
		"start the mail server, or mend the address, the password, the certificate (`PARLEY_SMTP_CA`) or the network", false,
	},
	{
		Nodes, "each node of the group, at the address that it advertises: whether it answers, and knows the same secret",
		"polls and answers that come to another node do not reach the owner",
		"mend PARLEY_ADVERTISE_ADDR or the network; give all nodes the same PARLEY_SECRET and one time", false,
	},
	{
		DataFolder, "the data folder: whose it is, its format, and the space left",
		"a node does not start, or its store stops when the disk is full",
		"choose another PARLEY_DATA_DIR, or make room", false,
	},
}
