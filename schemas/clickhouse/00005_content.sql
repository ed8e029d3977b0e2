-- +goose NO TRANSACTION
-- +goose Up

-- content is a hash of what a call with an Idempotency-Key asked for, so that whoever sent another call with the same key
-- is told; zero for a call without one.
ALTER TABLE calls_log ADD COLUMN IF NOT EXISTS content UInt64 CODEC(ZSTD(1)) AFTER route;

CREATE OR REPLACE VIEW calls AS
SELECT
    account, conversation_id, request_id, sequence_code, calls_in_conversation, method, action, status, error_code,
    message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence,
    lower(hex(digest)) AS digest, route, content
FROM calls_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;
