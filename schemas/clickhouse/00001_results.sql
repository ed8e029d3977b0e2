-- +goose NO TRANSACTION
-- +goose Up

-- results_log holds a row per object of every call that ended. (partition, sequence, ordinal) is the identity of
-- a row: partition and sequence are those of its event, and equal identities mean equal rows. It stands at the
-- end of a sort key that serves the lookups. A call's rows are found through the beginning of the key when its
-- conversation is known; by request, correlation id or customer key alone, through the skip indexes.
--
-- A repeated insert is dropped by its insert_deduplication_token; the window has room for the blocks of an hour,
-- 8 partitions with 5 blocks a second each, and takes memory only for the blocks that there are. What comes again
-- after the window is one row with the first: in the view at once, in the table after a merge.
--
-- Rows are kept for ever. ALTER TABLE results_log MODIFY TTL toDateTime(completed_at) + INTERVAL n MONTH bounds them.
CREATE TABLE IF NOT EXISTS results_log
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

    INDEX request_id     request_id     TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX correlation_id correlation_id TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX customer_key   customer_key   TYPE bloom_filter(0.01)  GRANULARITY 1,
    INDEX completed_at   completed_at   TYPE minmax              GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(completed_at)
ORDER BY (account, conversation_id, sequence_code, request_id, partition, sequence, ordinal)
SETTINGS non_replicated_deduplication_window = 200000;

-- The views show a row once, whatever was inserted twice. A row that comes again is in the month of the first and
-- equal to it, so that neither months need be merged with each other, nor do skip indexes hide anything.
CREATE VIEW IF NOT EXISTS results AS
SELECT
    account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type, customer_key,
    status, error_code, message, accepted_at, started_at, completed_at, partition, sequence
FROM results_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;
