-- +goose NO TRANSACTION
-- +goose Up

-- The reports: views under the names that people ask for. docs/reports.md shows them.

-- failures joins to a result what became of it. A resubmission takes the last calls of a conversation, in their order and
-- as they were: so a call is found again by its distance from the end, and an object by its ordinal. Few conversations are
-- resubmitted, and both right sides hold theirs alone. A rejected call may bear the place of another, and is not resubmitted.
CREATE OR REPLACE VIEW failures AS
SELECT
    failed.account AS account, failed.completed_at AS completed_at, failed.route AS route, failed.method AS method,
    failed.object_type AS object_type, failed.customer_key AS customer_key, failed.correlation_id AS correlation_id,
    failed.status AS status, failed.error_code AS error_code, failed.message AS message,
    failed.conversation_id AS conversation_id, failed.request_id AS request_id, failed.sequence_code AS sequence_code,
    failed.ordinal AS ordinal, failed.accepted_at AS accepted_at, failed.started_at AS started_at,
    toBool(failed.continuable AND continued.continued_by != '' AND (failed.status = 'NotProcessed' OR again.status != '')) AS resubmitted,
    if(resubmitted, continued.continued_by, '') AS continued_by,
    again.status AS status_then, again.error_code AS error_code_then, again.message AS message_then,
    nullIf(again.completed_at, toDateTime64(0, 3, 'UTC')) AS completed_at_then
FROM
(
    SELECT
        account, completed_at, route, method, object_type, customer_key, correlation_id, status, error_code, message,
        conversation_id, request_id, sequence_code, ordinal, accepted_at, started_at,
        if(conversation_id = '', toString(request_id), conversation_id) AS conversation,
        status IN ('Error', 'NotProcessed') AS continuable,
        if(continuable, sequence_code, -1) AS place
    FROM results_log FINAL
    WHERE status != 'OK'
    SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1
) AS failed
LEFT JOIN
(
    SELECT account, conversation_id, argMax(log.continued_by, sequence) AS continued_by
    FROM conversations_log AS log
    WHERE log.continued_by != ''
    GROUP BY account, conversation_id
) AS continued ON continued.account = failed.account AND continued.conversation_id = failed.conversation
LEFT JOIN
(
    SELECT
        call.account AS account, origin.conversation_id AS conversation_id,
        call.sequence_code + origin.calls - call.calls AS place, result.ordinal AS ordinal,
        argMax(result.status, result.sequence) AS status, argMax(result.error_code, result.sequence) AS error_code,
        argMax(result.message, result.sequence) AS message, max(result.completed_at) AS completed_at
    FROM
    (
        SELECT account, partition, sequence, ordinal, status, error_code, message, completed_at
        FROM results_log
        WHERE status != 'Rejected' AND (account, partition, sequence) IN (
            SELECT account, partition, sequence FROM calls_log WHERE (account, conversation_id) IN (
                SELECT account, continued_by FROM conversations_log WHERE continued_by != ''))
    ) AS result
    INNER JOIN
    (
        SELECT account, partition, sequence, conversation_id, sequence_code, calls_in_conversation AS calls
        FROM calls_log
        WHERE (account, conversation_id) IN (SELECT account, continued_by FROM conversations_log WHERE continued_by != '')
    ) AS call ON call.account = result.account AND call.partition = result.partition AND call.sequence = result.sequence
    INNER JOIN
    (
        SELECT account, conversation_id, continued_by, calls_in_conversation AS calls
        FROM conversations_log
        WHERE continued_by != ''
    ) AS origin ON origin.account = call.account AND origin.continued_by = call.conversation_id
    GROUP BY account, conversation_id, place, ordinal
) AS again ON again.account = failed.account AND again.conversation_id = failed.conversation AND again.place = failed.place
    AND again.ordinal = failed.ordinal
COMMENT 'Objects that were not carried out well, a row each: why, in which call and conversation, on which route, whether resubmitted, and what became of the object then.';

CREATE OR REPLACE VIEW errors_by_day AS
SELECT
    toDate(completed_at) AS day, account, route, method, object_type, status, error_code,
    count() AS results, uniqExact(partition, sequence) AS calls, min(completed_at) AS first_at, max(completed_at) AS last_at,
    argMax(message, completed_at) AS last_message, argMax(request_id, completed_at) AS last_request_id
FROM results_log FINAL
WHERE status != 'OK'
GROUP BY day, account, route, method, object_type, status, error_code
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final = 1
COMMENT 'What went wrong, by day and error code: how many objects and calls, since when and until when, and an example.';

CREATE OR REPLACE VIEW accounts_by_day AS
WITH
    arrayReduce('quantilesExactWeighted(0.5, 0.9, 0.99)',
        arrayMap(n -> if(n = 0, 0., round(exp2((n - 1) / 8), 2)), mapKeys(states)), mapValues(states)) AS latency
SELECT
    day, account, results, failed, failed / results AS failed_ratio,
    latency[1] AS latency_p50_ms, latency[2] AS latency_p90_ms, latency[3] AS latency_p99_ms
FROM
(
    SELECT toDate(minute) AS day, account, sum(all_results) AS results, sum(failed_results) AS failed, sumMap(taken) AS states
    FROM
    (
        SELECT
            minute, account, groupBitmapMerge(identities) AS all_results, groupBitmapMapMerge(latencies) AS taken,
            groupBitmapMergeIf(identities, status != 'OK') AS failed_results
        FROM results_by_minute_log
        GROUP BY minute, account
        SETTINGS optimize_aggregation_in_order = 1
    )
    GROUP BY day, account
)
COMMENT 'Results of an account in a day, how many of them failed, and how long they took from acceptance.';

CREATE OR REPLACE VIEW routes_by_hour AS
WITH
    states -> if(empty(states), [NULL, NULL, NULL], arrayReduce('quantilesExactWeighted(0.5, 0.9, 0.99)',
        arrayMap(n -> if(n = 0, 0., round(exp2((n - 1) / 8), 2)), mapKeys(states)), mapValues(states))) AS quantiles,
    quantiles(groupBitmapMapMerge(latencies)) AS latency,
    quantiles(groupBitmapMapMerge(executions)) AS execution
SELECT
    toStartOfHour(minute) AS hour, route,
    groupBitmapMerge(identities) AS results, groupBitmapMergeIf(identities, status != 'OK') AS failed, failed / results AS failed_ratio,
    latency[1] AS latency_p50_ms, latency[2] AS latency_p90_ms, latency[3] AS latency_p99_ms,
    execution[1] AS execution_p50_ms, execution[2] AS execution_p90_ms, execution[3] AS execution_p99_ms
FROM results_by_minute_log
GROUP BY hour, route
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'Results of a route in an hour, how many of them failed, and how long they took from acceptance and from the first attempt. The empty route has what no route had in turn.';

CREATE OR REPLACE VIEW conversations_by_day AS
SELECT
    toDate(completed_at) AS day, account, status,
    count() AS conversations, sum(received) AS calls, countIf(continued_by != '') AS resubmitted,
    quantile(0.5)(dateDiff('millisecond', accepted_at, completed_at)) AS duration_p50_ms,
    quantile(0.99)(dateDiff('millisecond', accepted_at, completed_at)) AS duration_p99_ms
FROM conversations
GROUP BY day, account, status
COMMENT 'Conversations that ended in a day, by how they ended: how many, of how many calls, how many were resubmitted, and how long they took from their first part. A call without a ConversationID is a conversation of one.';
