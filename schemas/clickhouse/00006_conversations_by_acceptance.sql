-- +goose NO TRANSACTION
-- +goose Up

-- conversations_by_acceptance has the conversations that ended in the order in which lists show them, so that a page reads
-- its own rows and no others: in conversations_log those of an account lie in the order of their ids, and every page would
-- read them all. single is 1 for a call without a ConversationID. Of one that was resubmitted the row with the higher
-- sequence stands. Whoever bounds conversations_log by a TTL bounds this table, too.
CREATE TABLE IF NOT EXISTS conversations_by_acceptance
(
    account               LowCardinality(String),
    accepted_at           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    single                UInt8 CODEC(ZSTD(1)),
    conversation_id       String CODEC(ZSTD(1)),
    request_id            Nullable(UUID) CODEC(ZSTD(1)),
    status                LowCardinality(String),
    error_code            LowCardinality(String),
    message               String CODEC(ZSTD(1)),
    calls_in_conversation Int32 CODEC(ZSTD(1)),
    received              Int32 CODEC(ZSTD(1)),
    errors                Int32 CODEC(ZSTD(1)),
    started_at            Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    completed_at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    sequence              Int64 CODEC(Delta, ZSTD(1)),
    continues             String CODEC(ZSTD(1)),
    continued_by          String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(sequence)
PARTITION BY toYYYYMM(accepted_at)
ORDER BY (account, accepted_at, single, conversation_id)
SETTINGS non_replicated_deduplication_window = 200000;

-- What is inserted into conversations_log from now on, by any version, comes here with it.
CREATE MATERIALIZED VIEW IF NOT EXISTS conversations_to_acceptance TO conversations_by_acceptance AS
SELECT
    account, accepted_at, request_id IS NOT NULL AS single, conversation_id, request_id, status, error_code, message,
    calls_in_conversation, received, errors, started_at, completed_at, sequence, continues, continued_by
FROM conversations_log;

-- What was there before. A row that comes twice is one.
INSERT INTO conversations_by_acceptance
SELECT
    account, accepted_at, request_id IS NOT NULL AS single, conversation_id, request_id, status, error_code, message,
    calls_in_conversation, received, errors, started_at, completed_at, sequence, continues, continued_by
FROM conversations_log
SETTINGS max_partitions_per_insert_block = 0;
