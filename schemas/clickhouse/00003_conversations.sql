-- +goose NO TRANSACTION
-- +goose Up

-- conversations_log holds a row per conversation that ended; (partition, sequence) is its identity. Window, TTL
-- and the view are as in results_log. A call without a ConversationID is a conversation of one: conversation_id is
-- then the text of its request id, and request_id is set, which is NULL for every other conversation.
CREATE TABLE IF NOT EXISTS conversations_log
(
    account               LowCardinality(String),
    conversation_id       String CODEC(ZSTD(1)),
    request_id            Nullable(UUID) CODEC(ZSTD(1)),
    status                LowCardinality(String),
    error_code            LowCardinality(String),
    message               String CODEC(ZSTD(1)),
    calls_in_conversation Int32 CODEC(ZSTD(1)),
    received              Int32 CODEC(ZSTD(1)),
    processed             Int32 CODEC(ZSTD(1)),
    errors                Int32 CODEC(ZSTD(1)),
    accepted_at           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    started_at            Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    completed_at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    partition             Int32 CODEC(ZSTD(1)),
    sequence              Int64 CODEC(Delta, ZSTD(1)),

    INDEX completed_at completed_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(completed_at)
ORDER BY (account, conversation_id, partition, sequence)
SETTINGS non_replicated_deduplication_window = 200000;

CREATE VIEW IF NOT EXISTS conversations AS
SELECT
    account, conversation_id, request_id, status, error_code, message, calls_in_conversation, received, processed,
    errors, accepted_at, started_at, completed_at, partition, sequence
FROM conversations_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;
