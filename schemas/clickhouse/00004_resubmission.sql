-- +goose NO TRANSACTION
-- +goose Up

-- route is the name of the route that took the call, so that failures can be found, and resubmitted, by route.
ALTER TABLE calls_log ADD COLUMN IF NOT EXISTS route LowCardinality(String) AFTER sequence;

CREATE OR REPLACE VIEW calls AS
SELECT
    account, conversation_id, request_id, sequence_code, calls_in_conversation, method, action, status, error_code,
    message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence,
    lower(hex(digest)) AS digest, route
FROM calls_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;

-- continues is the conversation that this one resubmits, continued_by the one that resubmits this; empty: none. What
-- is resubmitted has a second row, with continued_by set and all else as in the first but its sequence.
ALTER TABLE conversations_log ADD COLUMN IF NOT EXISTS continues String CODEC(ZSTD(1)) AFTER sequence;
ALTER TABLE conversations_log ADD COLUMN IF NOT EXISTS continued_by String CODEC(ZSTD(1)) AFTER continues;
ALTER TABLE conversations_log ADD INDEX IF NOT EXISTS continued_by continued_by TYPE minmax GRANULARITY 1;

-- The view shows a conversation once, as it stands: the first row of one that was resubmitted is left out. Few are, and
-- the index finds their rows without reading the others. accepted_at tells the uses of an id apart, should it be used
-- again after its marker was forgotten.
CREATE OR REPLACE VIEW conversations AS
SELECT
    account, conversation_id, request_id, status, error_code, message, calls_in_conversation, received, processed,
    errors, accepted_at, started_at, completed_at, partition, sequence, continues, continued_by
FROM conversations_log FINAL
WHERE continued_by != '' OR (account, conversation_id, accepted_at) NOT IN (
    SELECT account, conversation_id, accepted_at FROM conversations_log WHERE continued_by != '')
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1;
