-- +goose NO TRANSACTION
-- +goose Up

-- told is of how many receivers of the end deliveries say what came of it, now or later: of most, none. Who polls looks for
-- deliveries where there are some, and asks the owner for those that have not ended.
ALTER TABLE calls_log ADD COLUMN IF NOT EXISTS told Int32 CODEC(ZSTD(1)) AFTER trace_id;

ALTER TABLE conversations_log ADD COLUMN IF NOT EXISTS told Int32 CODEC(ZSTD(1)) AFTER continued_by;

CREATE OR REPLACE VIEW calls AS
SELECT
    account, conversation_id, request_id, sequence_code, calls_in_conversation, method, action, status, error_code,
    message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence,
    lower(hex(digest)) AS digest, route, content, trace_id, told
FROM calls_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;

CREATE OR REPLACE VIEW conversations AS
SELECT
    account, conversation_id, request_id, status, error_code, message, calls_in_conversation, received, processed,
    errors, accepted_at, started_at, completed_at, partition, sequence, continues, continued_by, told
FROM conversations_log FINAL
WHERE continued_by != '' OR (account, conversation_id, accepted_at) NOT IN (
    SELECT account, conversation_id, accepted_at FROM conversations_log WHERE continued_by != '')
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;
