-- +goose NO TRANSACTION
-- +goose Up

-- Whoever knows a conversation, and not its account, need not read everything. What was there before gets the index in the
-- background.
ALTER TABLE calls_log ADD INDEX IF NOT EXISTS conversation_id conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE calls_log MATERIALIZE INDEX IF EXISTS conversation_id;
ALTER TABLE conversations_log ADD INDEX IF NOT EXISTS conversation_id conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE conversations_log MATERIALIZE INDEX IF EXISTS conversation_id;
