-- +goose NO TRANSACTION
-- +goose Up

-- calls_log holds a row per call that ended; (partition, sequence) is its identity. Window, TTL and the view are
-- as in results_log. digest is the SHA-256 of the bytes received, in the view as lower-case hexadecimal digits.
CREATE TABLE IF NOT EXISTS calls_log
(
    account               LowCardinality(String),
    conversation_id       String CODEC(ZSTD(1)),
    request_id            UUID CODEC(ZSTD(1)),
    sequence_code         Int32 CODEC(ZSTD(1)),
    calls_in_conversation Int32 CODEC(ZSTD(1)),
    method                LowCardinality(String),
    action                LowCardinality(String),
    status                LowCardinality(String),
    error_code            LowCardinality(String),
    message               String CODEC(ZSTD(1)),
    attempts              Int32 CODEC(ZSTD(1)),
    total                 Int32 CODEC(ZSTD(1)),
    processed             Int32 CODEC(ZSTD(1)),
    errors                Int32 CODEC(ZSTD(1)),
    accepted_at           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    started_at            Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    completed_at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    partition             Int32 CODEC(ZSTD(1)),
    sequence              Int64 CODEC(Delta, ZSTD(1)),
    digest                String CODEC(ZSTD(1)),

    INDEX request_id   request_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX completed_at completed_at TYPE minmax              GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(completed_at)
ORDER BY (account, conversation_id, sequence_code, request_id, partition, sequence)
SETTINGS non_replicated_deduplication_window = 200000;

CREATE VIEW IF NOT EXISTS calls AS
SELECT
    account, conversation_id, request_id, sequence_code, calls_in_conversation, method, action, status, error_code,
    message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence,
    lower(hex(digest)) AS digest
FROM calls_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;
