"""What analysts do with the Python clients of ClickHouse, done with the embedded engine. run.sh says where it is."""

import datetime
import decimal
import ipaddress
import json
import os
import threading
import unittest
import uuid
from urllib.parse import urlsplit

import clickhouse_connect
import clickhouse_driver
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.exceptions import Error as ConnectError
from clickhouse_connect.driver.external import ExternalData
from clickhouse_driver import dbapi

READY = json.loads(os.environ["PARLEY_READY"])
NATIVE = urlsplit(READY["clickhouse"])
HTTP = urlsplit(READY["clickhouse_http"])

ODD = "it's\t\n\\ \"`"
TYPES = """a UInt32, s LowCardinality(Nullable(String)), d DateTime64(3, 'UTC'), arr Array(String), m Map(String, UInt64), u UUID,
	ip IPv4, ip6 IPv6, amount Decimal(18, 4), e Enum8('a' = 1, 'b' = 2), n Nullable(Float64)"""
ROW = [
    1, "x", datetime.datetime(2026, 1, 2, 3, 4, 5, 123000), ["a", "b"], {"k": 7}, uuid.UUID("61f0c404-5cb3-11e7-907b-a6006ad3dba0"),
    ipaddress.IPv4Address("192.0.2.7"), ipaddress.IPv6Address("2001:db8::7"), decimal.Decimal("1.5000"), "b", None,
]


def connect(**options):
    return clickhouse_connect.get_client(host=HTTP.hostname, port=HTTP.port, **options)


def driver(**options):
    return clickhouse_driver.Client(NATIVE.hostname, port=NATIVE.port, **options)


class Connect(unittest.TestCase):
    """clickhouse-connect, which makes a session for each client."""

    def setUp(self):
        self.client = connect()
        self.addCleanup(self.client.close)

    def test_queries(self):
        self.assertTrue(self.client.ping())
        self.assertEqual(self.client.server_version, self.client.command("SELECT version()"))
        r = self.client.query("SELECT number, toString(number) AS s FROM numbers(10)")
        self.assertEqual((r.row_count, r.column_names, r.summary["read_rows"]), (10, ("number", "s"), "10"))
        r = self.client.query("SELECT number FROM numbers(10) WHERE number > 100")
        self.assertEqual((r.result_rows, r.column_names), ([], ("number",)))

    def test_parameters(self):
        values = {"a": ODD, "b": 5, "c": ["x", "y'"], "d": datetime.datetime(2026, 1, 2, 3, 4, 5)}
        sql = "SELECT {a:String}, {b:UInt32}, {c:Array(String)}, {d:DateTime}"
        self.assertEqual(self.client.query(sql, parameters=values).result_rows, [tuple(values.values())])
        long = connect(form_encode_query_params=True)
        self.addCleanup(long.close)
        self.assertEqual(long.query("SELECT {a:String}", parameters={"a": "x" * 100_000}).result_rows, [("x" * 100_000,)])

    def test_types(self):
        self.client.command(f"CREATE TEMPORARY TABLE t ({TYPES})")
        self.assertEqual(self.client.insert("t", [ROW, [2, None] + ROW[2:]], column_type_names=None, column_names="*").written_rows, 2)
        rows = self.client.query("SELECT * FROM t ORDER BY a").result_rows
        self.assertEqual(rows, [tuple(ROW), (2, None) + tuple(ROW[2:])])

    def test_documents(self):
        self.client.command("CREATE TEMPORARY TABLE j (a UInt8, j JSON, d Dynamic, v Variant(String, UInt8))")
        self.client.insert("j", [[1, {"a": 1, "b": {"c": "x"}}, "dyn", 5]])
        self.assertEqual(self.client.query("SELECT * FROM j").result_rows, [(1, {"a": 1, "b": {"c": "x"}}, "dyn", 5)])

    def test_large(self):
        rows = 0
        with self.client.query_row_block_stream("SELECT number, toString(number) FROM numbers(1000000)") as stream:
            for block in stream:
                rows += len(block)
        self.assertEqual(rows, 1_000_000)

    def test_frames(self):
        df = self.client.query_df("SELECT number, toString(number) AS s, now64(3) AS d, number / 3 AS f FROM numbers(100000)")
        self.assertEqual(df.shape, (100_000, 4))
        self.client.command("CREATE TEMPORARY TABLE f (number UInt64, s String, d DateTime64(3), f Float64)")
        self.client.insert_df("f", df)
        table = self.client.query_arrow("SELECT * FROM f")
        self.assertEqual(table.num_rows, 100_000)
        self.client.insert_arrow("f", table)
        self.assertEqual(self.client.command("SELECT count() FROM f"), 200_000)

    def test_session(self):
        self.client.command("SET max_threads = 3")
        self.assertEqual(self.client.command("SELECT getSetting('max_threads')"), 3)
        self.assertEqual(self.client.command("SELECT getSetting('max_threads')", settings={"max_threads": 2}), 2)
        self.assertEqual(connect(database="system").command("SELECT currentDatabase()"), "system")

    def test_exceptions(self):
        for code, sql in {47: "SELECT nosuch", 62: "SELEC", 395: "SELECT throwIf(number = 3000000) FROM numbers(4000000)"}.items():
            with self.assertRaises(DatabaseError) as caught:
                self.client.query(sql).result_rows  # noqa: B018
            self.assertEqual(caught.exception.code, code)
        behind_rows = "SELECT number, throwIf(number = 3000000) FROM numbers(4000000)"
        with self.assertRaisesRegex(ConnectError, "throwIf"):
            with self.client.query_row_block_stream(behind_rows, settings={"wait_end_of_query": 0}) as stream:
                for _ in stream:
                    pass
        with self.assertRaises(ConnectError):
            connect(username="bob", password="x")

    def test_compression(self):
        for compression in ["lz4", "zstd", "gzip", False, True]:
            client = connect(compress=compression)
            self.assertEqual(len(client.query("SELECT number FROM numbers(100000)").result_rows), 100_000)
            client.command("CREATE TEMPORARY TABLE c (a UInt64)")
            client.insert("c", [[i] for i in range(1000)], column_names=["a"])
            self.assertEqual(client.command("SELECT count() FROM c"), 1000)
            client.close()

    def test_raw(self):
        self.assertEqual(self.client.raw_query("SELECT 1 AS a", fmt="CSVWithNames"), b'"a"\n1\n')
        with self.client.raw_stream("SELECT number FROM numbers(500000)", fmt="CSV") as stream:
            self.assertEqual(len(stream.read()), 3_388_890)
        self.client.command("CREATE TEMPORARY TABLE r (a UInt64)")
        self.client.raw_insert("r", ["a"], b"1\n2\n", fmt="CSV")
        self.assertEqual(self.client.command("SELECT sum(a) FROM r"), 3)

    def test_external_data(self):
        data = ExternalData(file_name="ext", data=b"1,x\n2,y\n", fmt="CSV", structure=["a UInt8", "b String"])
        self.assertEqual(self.client.query("SELECT sum(a) FROM ext", external_data=data).result_rows, [(3,)])

    def test_kill(self):
        failed = []

        def run():
            other = connect(query_retries=0)
            try:
                other.query("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)", settings={"query_id": "to be killed"})
            except ConnectError as e:
                failed.append(e)
            other.close()

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            self.client.query("KILL QUERY WHERE query_id = 'to be killed' SYNC")
            thread.join(0.1)
        self.assertEqual(len(failed), 1)

    def test_sqlalchemy(self):
        engine = sqlalchemy.create_engine(f"clickhousedb://default:@{HTTP.hostname}:{HTTP.port}/parley")
        inspector = sqlalchemy.inspect(engine)
        self.assertIn("parley", inspector.get_schema_names())
        self.assertIn("results_log", inspector.get_table_names("parley"))
        self.assertIn("request_id", [c["name"] for c in inspector.get_columns("results_log", "parley")])
        table = sqlalchemy.Table("results_log", sqlalchemy.MetaData(), autoload_with=engine)
        with engine.connect() as connection:
            self.assertEqual(connection.execute(sqlalchemy.text("SELECT :a + 1"), {"a": 41}).scalar(), 42)
            self.assertEqual(connection.execute(sqlalchemy.select(table.c.request_id).limit(1)).fetchall(), [])
        engine.dispose()


class Driver(unittest.TestCase):
    """clickhouse-driver, which waits for more of a server's packets than others."""

    def test_types(self):
        for compression in [False, "lz4", "zstd"]:
            client = driver(compression=compression)
            client.execute(f"CREATE TEMPORARY TABLE t ({TYPES})")
            row = tuple(ROW)
            self.assertEqual(client.execute("INSERT INTO t VALUES", [row, (2, None) + row[2:]]), 2)
            rows, columns = client.execute("SELECT * EXCEPT d FROM t ORDER BY a", with_column_types=True)
            self.assertEqual(rows[0], row[:2] + row[3:])
            self.assertEqual(columns[0], ("a", "UInt32"))
            client.disconnect()

    def test_parameters(self):
        client = driver(settings={"server_side_params": True})
        self.assertEqual(client.execute("SELECT {a:String}, {b:UInt8}, {c:Array(String)}", {"a": ODD, "b": 7, "c": ["x", "y'"]}), [(ODD, 7, ["x", "y'"])])
        client.disconnect()

    def test_large(self):
        client = driver()
        self.assertEqual(sum(1 for _ in client.execute_iter("SELECT number FROM numbers(1000000)")), 1_000_000)
        progress = client.execute_with_progress("SELECT number FROM numbers(1000000)")
        self.assertEqual(len(progress.get_result()), 1_000_000)
        client.disconnect()

    def test_external_tables(self):
        table = {"name": "ext", "structure": [("a", "UInt8"), ("b", "String")], "data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
        client = driver()
        self.assertEqual(client.execute("SELECT sum(a) FROM ext", external_tables=[table]), [(3,)])
        client.disconnect()

    def test_exceptions(self):
        client = driver()
        with self.assertRaises(clickhouse_driver.errors.ServerException) as caught:
            client.execute("SELECT nosuch")
        self.assertEqual(caught.exception.code, 47)
        rows = client.execute_iter("SELECT number FROM numbers(1000000000000)")
        next(rows)
        client.cancel()
        self.assertEqual(client.execute("SELECT 1"), [(1,)])
        client.disconnect()

    def test_frames(self):
        client = driver(settings={"use_numpy": True})
        self.assertEqual(client.query_dataframe("SELECT number, toString(number) AS s FROM numbers(100000)").shape, (100_000, 2))
        client.disconnect()

    def test_dbapi(self):
        connection = dbapi.connect(f"clickhouse://default@{NATIVE.hostname}:{NATIVE.port}/parley")
        cursor = connection.cursor()
        cursor.execute("SELECT number AS n FROM numbers(3)")
        self.assertEqual((cursor.description[0][0], cursor.fetchall()), ("n", [(0,), (1,), (2,)]))
        connection.close()


if __name__ == "__main__":
    unittest.main()
