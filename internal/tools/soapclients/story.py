"""The story that each client in Python tells: what a team that moves to Parley does with it."""

import os
import time

URL = os.environ["PARLEY_URL"]
KEY_ID = os.environ["PARLEY_KEY_ID"]
KEY = os.environ["PARLEY_KEY"]
REVOKED_KEY = os.environ["PARLEY_REVOKED_KEY"]

PATIENCE = 30  # seconds
PROPERTIES = ["RequestID", "ConversationID", "CorrelationID", "StatusCode", "StatusMessage", "ErrorCode", "RequestType", "RequestObjectType", "OrdinalID"]


def part(conversation, sequence, calls):
    return {"RequestType": "Asynchronous", "ConversationID": conversation, "SequenceCode": sequence, "CallsInConversation": calls}


def row(key, correlation):
    """The members of a DataExtensionObject."""
    columns = {"Email": f"{key}@example.com", "Note": '<ü & "ß">'}
    properties = {"Property": [{"Name": name, "Value": value} for name, value in columns.items()]}
    return {"CustomerKey": key, "CorrelationID": correlation, "Properties": properties}


class Story:
    """Mixed into a TestCase that has

    create(row, options)       a Create of one DataExtensionObject; its reply
    retrieve(property, value)  a Retrieve of the ResultItems whose property has the value; its reply
    retrieve_unknown()         a Retrieve of the type NoSuchType; its OverallStatus
    refused(key)               a Create with a wrong key; what it is told
    """

    def conversation(self, what):
        return f"{type(self).__name__} {what} {os.getpid()}-{time.time_ns()}"

    def items(self, of, value, count):
        """Polls until there are as many results, and returns them by their CorrelationID."""
        deadline = time.monotonic() + PATIENCE
        while True:
            reply = self.retrieve(of, value)
            self.assertEqual(reply.OverallStatus, "OK")
            results = getattr(reply, "Results", None) or []
            if len(results) == count:
                return {item.CorrelationID: item for item in results}
            self.assertLess(len(results), count)
            self.assertLess(time.monotonic(), deadline, f"{len(results)} of {count} results after {PATIENCE} s")
            time.sleep(0.1)

    def accepted(self, reply):
        self.assertEqual(reply.OverallStatus, "OK")
        self.assertEqual([r.StatusCode for r in reply.Results], ["OK"])
        self.assertRegex(reply.RequestID, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        return reply.RequestID

    def test_conversation_out_of_order(self):
        c = self.conversation("in order")
        for n in [3, 1, 2]:
            self.accepted(self.create(row(f"{c} {n}", f"object-{n}"), part(c, n, 3)))
        results = self.items("ConversationID", c, 3)
        for n in [1, 2, 3]:
            item = results[f"object-{n}"]
            self.assertEqual(
                (item.StatusCode, item.ConversationID, item.RequestType, item.RequestObjectType, item.OrdinalID),
                ("OK", c, "Asynchronous", "DataExtensionObject", 0),
            )

    def test_failure_and_resubmission(self):
        c = self.conversation("fails")
        # The second creates the object of the first once more, which the backend refuses; the third is then not carried out.
        requests = {n: self.accepted(self.create(row(f"{c} {key}", f"object-{n}"), part(c, n, 3))) for n, key in [(2, 1), (3, 3), (1, 1)]}
        results = self.items("ConversationID", c, 3)
        self.assertEqual([results[f"object-{n}"].StatusCode for n in [1, 2, 3]], ["OK", "Error", "Error"])
        self.assertRegex(results["object-2"].StatusMessage, "is there already")
        self.assertGreater(results["object-2"].ErrorCode, 0)
        self.assertEqual(list(self.items("RequestID", requests[2], 1)), ["object-2"])

        # The ConversationID is used up: a call under it is taken, and never carried out.
        late = self.accepted(self.create(row(f"{c} late", "late"), part(c, 3, 3)))
        self.assertEqual(self.items("RequestID", late, 1)["late"].StatusCode, "Error")

        again = self.conversation("again")
        for n, key in [(2, 3), (1, 2)]:
            self.accepted(self.create(row(f"{c} {key}", f"object-{key}"), part(again, n, 2)))
        results = self.items("ConversationID", again, 2)
        self.assertEqual([results[f"object-{n}"].StatusCode for n in [2, 3]], ["OK", "OK"])

    def test_synchronous(self):
        key = self.conversation("at once")
        self.accepted(self.create(row(key, "once"), None))
        twice = self.create(row(key, "twice"), None)
        self.assertEqual((twice.OverallStatus, twice.Results[0].StatusCode), ("Error", "Error"))
        self.assertRegex(twice.Results[0].StatusMessage, "is there already")

    def test_conversation_needs_asynchronous(self):
        options = part(self.conversation("synchronous"), 1, 1)
        del options["RequestType"]
        reply = self.create(row("never", "never"), options)
        self.assertEqual((reply.OverallStatus, reply.Results[0].StatusCode, reply.Results[0].ErrorCode), ("Error", "Error", 209))

    def test_unknown_type(self):
        self.assertRegex(self.retrieve_unknown(), "^Error: Unable to find a handler for object type: NoSuchType")

    def test_wrong_credentials(self):
        for key in [REVOKED_KEY, "wrong"]:
            self.assertRegex(self.refused(key), "Login failed|invalid_client|Unauthorized")
