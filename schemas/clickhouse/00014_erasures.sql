-- +goose NO TRANSACTION
-- +goose Up

-- erasures remembers of whom the record has been erased, and in each partition up to which event: so that rows that come
-- again, as from a backup, or an insert that is repeated after the window, are found and erased again. subject is that of
-- results_log: it does not say who it is.
CREATE TABLE IF NOT EXISTS erasures
(
    account   LowCardinality(String),
    subject   UInt64,
    partition Int32,
    sequence  Int64,
    erased_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY (account, subject, partition);
