-- +goose NO TRANSACTION
-- +goose Up

-- audit has what was found of each partition when all its rows were last compared with what must be there: events without a
-- gap and each once, as many results as calls have objects, from checked_from up to checked_to. problems is a JSON array,
-- empty when all is as it must be: see AuditProblem in the OpenAPI document.
CREATE TABLE IF NOT EXISTS audit
(
    partition    Int32,
    checked_at   DateTime64(3, 'UTC'),
    checked_from Int64,
    checked_to   Int64,
    problems     String
)
ENGINE = ReplacingMergeTree(checked_at)
ORDER BY partition;

-- audit_marks has how far each partition was at a time, about once a day: what came behind has ended since, so that it is
-- known which events may be gone by their age.
CREATE TABLE IF NOT EXISTS audit_marks
(
    partition Int32,
    at        DateTime64(3, 'UTC'),
    sequence  Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, at);
