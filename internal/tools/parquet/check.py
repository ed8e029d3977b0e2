"""Reads FILE.parquet by pyarrow and by DuckDB, and compares types and values with FILE.jsonl, an extract of the same rows."""

import json
import sys
import uuid
from datetime import datetime, timedelta, timezone

import duckdb
import pyarrow.parquet as pq

# What the types of the columns are called by pyarrow and by DuckDB.
TEXT, WORD = ("string", "VARCHAR"), ("string", "VARCHAR")
INT, LONG = ("int32", "INTEGER"), ("int64", "BIGINT")
INSTANT = ("timestamp[ms, tz=UTC]", "TIMESTAMP WITH TIME ZONE")
TYPES = {
    "account": WORD, "conversation_id": TEXT, "request_id": ("extension<arrow.uuid>", "UUID"), "sequence_code": INT, "ordinal": INT,
    "correlation_id": TEXT, "method": WORD, "object_type": WORD, "customer_key": TEXT, "status": WORD, "error_code": WORD, "message": TEXT,
    "accepted_at": INSTANT, "started_at": INSTANT, "completed_at": INSTANT, "partition": INT, "sequence": LONG,
}
INSTANTS = [name for name, types in TYPES.items() if types == INSTANT]


def expected(line):
    """A row as Python sees it."""
    row = json.loads(line)
    row["request_id"] = uuid.UUID(row["request_id"])
    for name in INSTANTS:
        if row[name] is not None:
            row[name] = datetime.fromisoformat(row[name]).astimezone(timezone.utc)
    return row


def compare(reader, types, rows, want):
    """Ends the program if types or rows are not what they should be."""
    index = 0 if reader == "pyarrow" else 1
    for name, both in TYPES.items():
        if types.get(name) != both[index]:
            sys.exit(f"{reader}: {name} is {types.get(name)}, want {both[index]}")
    if list(types) != list(TYPES):
        sys.exit(f"{reader}: columns {list(types)}, want {list(TYPES)}")
    if len(rows) != len(want):
        sys.exit(f"{reader}: {len(rows)} rows, want {len(want)}")
    for got, wanted in zip(rows, want):
        if got != wanted:
            sys.exit(f"{reader}: row\n{got}\nwant\n{wanted}")
    print(f"{reader}: {len(rows)} rows, types and values as they should be")


def main(parquet, jsonl):
    with open(jsonl, encoding="utf-8") as lines:
        want = [expected(line) for line in lines]

    file = pq.ParquetFile(parquet)
    print(file.schema_arrow)
    table = file.read()
    compare("pyarrow", {f.name: str(f.type) for f in table.schema}, table.to_pylist(), want)
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(column)
            if not chunk.is_stats_set:
                sys.exit(f"pyarrow: {chunk.path_in_schema} has no statistics")

    db = duckdb.connect()
    described = db.execute("DESCRIBE SELECT * FROM read_parquet(?)", [parquet]).fetchall()
    instants = ", ".join(f"epoch_ms({name}) AS {name}" for name in INSTANTS)  # as times they would need another module
    answer = db.execute(f"SELECT * REPLACE ({instants}) FROM read_parquet(?)", [parquet])
    names = [column[0] for column in answer.description]
    rows = [dict(zip(names, row)) for row in answer.fetchall()]
    for row in rows:
        for name in INSTANTS:
            if row[name] is not None:
                row[name] = datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=row[name])
    compare("DuckDB", {row[0]: row[1] for row in described}, rows, want)


main(*sys.argv[1:])
