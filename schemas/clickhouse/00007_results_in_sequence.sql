-- +goose NO TRANSACTION
-- +goose Up

-- trace_id is the trace that the call belongs to (W3C Trace Context), 32 hexadecimal digits; empty: none.
ALTER TABLE calls_log ADD COLUMN IF NOT EXISTS trace_id String CODEC(ZSTD(1)) AFTER content;

CREATE OR REPLACE VIEW calls AS
SELECT
    account, conversation_id, request_id, sequence_code, calls_in_conversation, method, action, status, error_code,
    message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence,
    lower(hex(digest)) AS digest, route, content, trace_id
FROM calls_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;

-- deliveries_log holds a row per delivery to a caller that was taken or given up; (partition, sequence) is its identity,
-- (partition, about) that of the call or of the conversation that was told. Window, TTL and the view are as in results_log.
CREATE TABLE IF NOT EXISTS deliveries_log
(
    account          LowCardinality(String),
    conversation_id  String CODEC(ZSTD(1)),
    request_id       Nullable(UUID) CODEC(ZSTD(1)),
    type             LowCardinality(String),
    response_type    LowCardinality(String),
    response_address String CODEC(ZSTD(1)),
    status           LowCardinality(String),
    error_code       LowCardinality(String),
    message          String CODEC(ZSTD(1)),
    attempts         Int32 CODEC(ZSTD(1)),
    begun_at         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    completed_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    about            Int64 CODEC(Delta, ZSTD(1)),
    partition        Int32 CODEC(ZSTD(1)),
    sequence         Int64 CODEC(Delta, ZSTD(1)),

    INDEX request_id   request_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX completed_at completed_at TYPE minmax              GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(completed_at)
ORDER BY (account, conversation_id, partition, sequence)
SETTINGS non_replicated_deduplication_window = 200000;

CREATE VIEW IF NOT EXISTS deliveries AS
SELECT
    account, conversation_id, request_id, type, response_type, response_address, status, error_code, message, attempts,
    begun_at, completed_at, about, partition, sequence
FROM deliveries_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;

-- stored tells how far the tables have come: all events of a partition up to a sequence are in them. A block is inserted
-- here after it was inserted there.
CREATE TABLE IF NOT EXISTS stored
(
    partition Int32,
    sequence  Int64,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY partition
SETTINGS non_replicated_deduplication_window = 200000;

-- results_log, in another order; step 8 (results/record) puts it in the place of the first. Rows lie in the order in which they came, by
-- account and partition: so an extract, a page or a period reads its own rows alone, and parts that are not merged yet
-- hardly overlap. The results of a call are found by its place, which calls_log knows. All else is as it was (step 1).
--
-- route is the name of the route that took the call. subject tells whose data a row is, without saying it: a hash of the
-- account and of the object's subscriberKey; zero: it has none.
CREATE TABLE IF NOT EXISTS results_log_in_sequence
(
    account         LowCardinality(String),
    conversation_id String CODEC(ZSTD(1)),
    request_id      UUID CODEC(ZSTD(1)),
    sequence_code   Int32 CODEC(ZSTD(1)),
    ordinal         Int32 CODEC(Delta, ZSTD(1)),
    correlation_id  String CODEC(ZSTD(1)),
    method          LowCardinality(String),
    object_type     LowCardinality(String),
    customer_key    String CODEC(ZSTD(1)),
    status          LowCardinality(String),
    error_code      LowCardinality(String),
    message         String CODEC(ZSTD(1)),
    accepted_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    started_at      Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    completed_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    partition       Int32 CODEC(ZSTD(1)),
    sequence        Int64 CODEC(Delta, ZSTD(1)),
    route           LowCardinality(String),
    subject         UInt64 CODEC(ZSTD(1)),

    INDEX conversation_id conversation_id TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX request_id      request_id      TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX correlation_id  correlation_id  TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX customer_key    customer_key    TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX subject         subject         TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX status          status          TYPE set(16)             GRANULARITY 1,
    INDEX error_code      error_code      TYPE set(64)             GRANULARITY 1,
    INDEX completed_at    completed_at    TYPE minmax              GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(completed_at)
ORDER BY (account, partition, sequence, ordinal)
SETTINGS non_replicated_deduplication_window = 200000;
