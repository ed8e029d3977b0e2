-- +goose NO TRANSACTION
-- +goose Up

-- results_by_minute_log counts the results of each minute in which they were completed, and how long they took. Its states
-- are sets of results, not sums: whatever is inserted again, in whatever blocks and however late, is in the set already.
--
-- identities is the set. latencies has one for each class of the time from acceptance to completion, executions for each
-- class of the time from the first attempt to completion, of what was begun. Class 0 is less than a millisecond; class n > 0
-- is 2^((n-1)/8) ms, the nearest by ratio, so that it is wrong by 4.4 % at most.
--
-- A result is 64 bits of a Roaring bitmap: ordinal/16 (8 bits), sequence/2^14 (24), partition (14), sequence (14), ordinal
-- (4). Results of one minute then share containers, whether calls have one object or a thousand: about 2 bytes a result and
-- set. Sequences are taken modulo 2^38; no hour holds as many.
CREATE TABLE IF NOT EXISTS results_by_minute_log
(
    minute      DateTime('UTC') CODEC(Delta, ZSTD(1)),
    account     LowCardinality(String),
    route       LowCardinality(String),
    method      LowCardinality(String),
    object_type LowCardinality(String),
    status      LowCardinality(String),
    identities  AggregateFunction(groupBitmap, UInt64) CODEC(ZSTD(1)),
    latencies   AggregateFunction(groupBitmapMap, Map(UInt16, UInt64)) CODEC(ZSTD(1)),
    executions  AggregateFunction(groupBitmapMap, Map(UInt16, UInt64)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, account, route, method, object_type, status)
SETTINGS non_replicated_deduplication_window = 200000;

CREATE MATERIALIZED VIEW IF NOT EXISTS results_to_minute TO results_by_minute_log AS
WITH
    bitShiftLeft(bitShiftRight(toUInt64(ordinal), 4), 56)
        + bitShiftLeft(bitAnd(bitShiftRight(toUInt64(sequence), 14), 0xFFFFFF), 32)
        + bitShiftLeft(toUInt64(partition), 18)
        + bitShiftLeft(bitAnd(toUInt64(sequence), 0x3FFF), 4)
        + bitAnd(toUInt64(ordinal), 15) AS identity,
    ms -> toUInt16(if(ms < 1, 0, 1 + round(8 * log2(ms)))) AS class
SELECT
    toStartOfMinute(completed_at) AS minute, account, route, method, object_type, status,
    groupBitmapState(identity) AS identities,
    groupBitmapMapState(map(class(dateDiff('millisecond', accepted_at, completed_at)), identity)) AS latencies,
    groupBitmapMapState(if(started_at IS NULL, map(),
        map(class(dateDiff('millisecond', assumeNotNull(started_at), completed_at)), identity))) AS executions
FROM results_log
GROUP BY minute, account, route, method, object_type, status;

-- What was there before. A row that comes here twice is one; sets that do not fit into a GiB wait on disk.
INSERT INTO results_by_minute_log
WITH
    bitShiftLeft(bitShiftRight(toUInt64(ordinal), 4), 56)
        + bitShiftLeft(bitAnd(bitShiftRight(toUInt64(sequence), 14), 0xFFFFFF), 32)
        + bitShiftLeft(toUInt64(partition), 18)
        + bitShiftLeft(bitAnd(toUInt64(sequence), 0x3FFF), 4)
        + bitAnd(toUInt64(ordinal), 15) AS identity,
    ms -> toUInt16(if(ms < 1, 0, 1 + round(8 * log2(ms)))) AS class
SELECT
    toStartOfMinute(completed_at) AS minute, account, route, method, object_type, status,
    groupBitmapState(identity) AS identities,
    groupBitmapMapState(map(class(dateDiff('millisecond', accepted_at, completed_at)), identity)) AS latencies,
    groupBitmapMapState(if(started_at IS NULL, map(),
        map(class(dateDiff('millisecond', assumeNotNull(started_at), completed_at)), identity))) AS executions
FROM results_log
GROUP BY minute, account, route, method, object_type, status
SETTINGS max_partitions_per_insert_block = 0, max_bytes_before_external_group_by = 1073741824;

-- The figures. Counts may be added up over any rows; quantiles may not, so results_by_latency has what they are made of.
-- Rows are read in their order, so that memory holds some minutes and not the period that is asked for.
CREATE OR REPLACE VIEW results_by_minute AS
WITH
    states -> arrayMap(n -> if(n = 0, 0., round(exp2((n - 1) / 8), 2)), mapKeys(states)) AS ms,
    states -> if(empty(states), [NULL, NULL, NULL],
        arrayReduce('quantilesExactWeighted(0.5, 0.9, 0.99)', ms(states), mapValues(states))) AS quantiles,
    quantiles(groupBitmapMapMerge(latencies)) AS latency,
    quantiles(groupBitmapMapMerge(executions)) AS execution
SELECT
    minute, account, route, method, object_type, status,
    groupBitmapMerge(identities) AS results,
    latency[1] AS latency_p50_ms, latency[2] AS latency_p90_ms, latency[3] AS latency_p99_ms,
    execution[1] AS execution_p50_ms, execution[2] AS execution_p90_ms, execution[3] AS execution_p99_ms
FROM results_by_minute_log
GROUP BY minute, account, route, method, object_type, status
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Results completed in each minute, by account, route, method, object type and status: how many, and how long they took from acceptance (latency) and from the first attempt (execution), to 4.4 %.';

CREATE OR REPLACE VIEW results_by_hour AS
WITH
    states -> arrayMap(n -> if(n = 0, 0., round(exp2((n - 1) / 8), 2)), mapKeys(states)) AS ms,
    states -> if(empty(states), [NULL, NULL, NULL],
        arrayReduce('quantilesExactWeighted(0.5, 0.9, 0.99)', ms(states), mapValues(states))) AS quantiles,
    quantiles(groupBitmapMapMerge(latencies)) AS latency,
    quantiles(groupBitmapMapMerge(executions)) AS execution
SELECT
    toStartOfHour(minute) AS hour, account, route, method, object_type, status,
    groupBitmapMerge(identities) AS results,
    latency[1] AS latency_p50_ms, latency[2] AS latency_p90_ms, latency[3] AS latency_p99_ms,
    execution[1] AS execution_p50_ms, execution[2] AS execution_p90_ms, execution[3] AS execution_p99_ms
FROM results_by_minute_log
GROUP BY hour, account, route, method, object_type, status
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Results completed in each hour, by account, route, method, object type and status: how many, and how long they took from acceptance (latency) and from the first attempt (execution), to 4.4 %.';

CREATE OR REPLACE VIEW results_by_latency AS
WITH
    (measure, states) -> arrayMap(n -> (measure, if(n.1 = 0, 0., round(exp2((n.1 - 1) / 8), 2)), n.2),
        arrayZip(mapKeys(states), mapValues(states))) AS rows
SELECT minute, account, route, method, object_type, status, took.1 AS measure, took.2 AS ms, took.3 AS results
FROM
(
    SELECT
        minute, account, route, method, object_type, status,
        arrayConcat(rows('latency', groupBitmapMapMerge(latencies)), rows('execution', groupBitmapMapMerge(executions))) AS histogram
    FROM results_by_minute_log
    GROUP BY minute, account, route, method, object_type, status
    SETTINGS optimize_aggregation_in_order = 1
)
ARRAY JOIN histogram AS took
COMMENT 'How many results of a minute took so many milliseconds, from acceptance (measure latency) or from the first attempt (measure execution). Quantiles over any rows: quantileExactWeighted(0.99)(ms, results).';
