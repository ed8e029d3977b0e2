"""zeep, which makes its client of the WSDL that Parley serves, and says by WS-Security who it is."""

import datetime
import unittest

from story import KEY, PROPERTIES, URL, Story, part
from zeep import Client
from zeep.exceptions import Fault
from zeep.helpers import serialize_object
from zeep.wsse.username import UsernameToken

WSDL = f"{URL}/etframework.wsdl"
API = "{http://exacttarget.com/wsdl/partnerAPI}"


class Zeep(Story, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(WSDL, wsse=UsernameToken("anyone", KEY))

    def make(self, name, **members):
        return self.client.get_type(API + name)(**members)

    def create(self, row, options, client=None):
        return (client or self.client).service.Create(
            Options=self.make("CreateOptions", **(options or {})), Objects=[self.make("DataExtensionObject", **row)]
        )

    def request(self, object_type, *properties, **members):
        return self.client.service.Retrieve(self.make("RetrieveRequest", ObjectType=object_type, Properties=list(properties), **members))

    def retrieve(self, of, value):
        return self.request("ResultItem", *PROPERTIES, Filter=self.simple(of, value))

    def simple(self, of, value, operator="equals"):
        return self.make("SimpleFilterPart", Property=of, SimpleOperator=operator, Value=[value])

    def retrieve_unknown(self):
        return self.request("NoSuchType", "ID").OverallStatus

    def refused(self, key):
        with self.assertRaises(Fault) as caught:
            self.create({"CustomerKey": "never"}, None, Client(WSDL, wsse=UsernameToken("anyone", key)))
        self.assertRegex(caught.exception.code, ":Security$")
        return caught.exception.message

    def test_digest_is_refused(self):
        # A digest proves that somebody knows the password to somebody else who does. Parley keeps hashes of keys alone.
        with self.assertRaises(Fault):
            self.create({"CustomerKey": "never"}, None, Client(WSDL, wsse=UsernameToken("anyone", KEY, use_digest=True)))

    def test_triggered_send(self):
        """What a nested object looks like on both sides, and the whole of a call's results in one message."""
        c = self.conversation("triggered send")
        subscriber = self.make(
            "Subscriber", EmailAddress="ada@example.com", SubscriberKey="ada", Attributes=[self.make("Attribute", Name="First", Value="Ada")]
        )
        sent = self.make(
            "TriggeredSend",
            CorrelationID="welcome",
            TriggeredSendDefinition=self.make("TriggeredSendDefinition", CustomerKey="Welcome"),
            Subscribers=[subscriber],
        )
        options = self.make("CreateOptions", RequestType="Asynchronous", ConversationID=c, QueuePriority="High")
        request = self.accepted(self.client.service.Create(Options=options, Objects=[sent]))
        self.assertEqual(self.items("ConversationID", c, 1)["welcome"].RequestObjectType, "TriggeredSend")
        reply = self.request("ResultMessage", "RequestID", "OverallStatusCode", "ResultDetailXML", Filter=self.simple("RequestID", request))
        message = reply.Results[0]
        self.assertEqual((message.RequestID, message.OverallStatusCode), (request, "OK"))
        self.assertIn("welcome", message.ResultDetailXML)

    def test_many_objects_of_many_types(self):
        c = self.conversation("many")
        rows = [self.make("DataExtensionObject", CustomerKey=f"{c} {i}", CorrelationID=f"row-{i}") for i in range(3)]
        several = [*rows, self.make("Subscriber", SubscriberKey=c, CorrelationID="subscriber")]
        reply = self.client.service.Create(Options=self.make("CreateOptions", RequestType="Asynchronous"), Objects=several)
        self.assertEqual((reply.OverallStatus, len(reply.Results)), ("OK", 4))
        results = self.items("RequestID", reply.RequestID, 4)
        self.assertEqual({k: (r.OrdinalID, r.RequestObjectType) for k, r in results.items()}["subscriber"], (3, "Subscriber"))

    def test_schedule_and_delete(self):
        c = self.conversation("scheduled")
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
        options = self.make("CreateOptions", RequestType="Asynchronous", ConversationID=c, ScheduledTime=at)
        self.accepted(self.client.service.Create(Options=options, Objects=[self.make("DataExtensionObject", CustomerKey=c)]))
        scheduled = self.make("ScheduledConversation", ConversationID=c)
        reply = self.client.service.Delete(Options=self.make("DeleteOptions"), Objects=[scheduled])
        self.assertEqual((reply.OverallStatus, reply.Results[0].StatusMessage), ("OK", "Deleted"))
        reply = self.client.service.Delete(Options=self.make("DeleteOptions"), Objects=[self.make("ScheduledConversation", ConversationID=c + "?")])
        self.assertEqual((reply.OverallStatus, reply.Results[0].ErrorCode), ("Error", 220))

    def test_filters(self):
        c = self.conversation("filters")
        for n in [1, 2, 3]:
            self.accepted(self.create({"CustomerKey": f"{c} {n}", "CorrelationID": f"object-{n}"}, part(c, n, 3)))
        self.items("ConversationID", c, 3)
        either = self.make(
            "ComplexFilterPart",
            LeftOperand=self.simple("CorrelationID", "object-1"),
            LogicalOperator="OR",
            RightOperand=self.simple("CorrelationID", "object-3"),
        )
        both = self.make("ComplexFilterPart", LeftOperand=self.simple("ConversationID", c), LogicalOperator="AND", RightOperand=either)
        reply = self.request("ResultItem", "CorrelationID", Filter=both)
        self.assertEqual(sorted(r.CorrelationID for r in reply.Results), ["object-1", "object-3"])

    def test_pages(self):
        c = self.conversation("pages")
        rows = [self.make("DataExtensionObject", CustomerKey=f"{c} {i}", CorrelationID=str(i)) for i in range(7)]
        options = self.make("CreateOptions", RequestType="Asynchronous", ConversationID=c)
        self.accepted_all(self.client.service.Create(Options=options, Objects=rows))
        self.items("ConversationID", c, 7)
        batch = self.make("RetrieveOptions", BatchSize=3)
        reply = self.request("ResultItem", "CorrelationID", Filter=self.simple("ConversationID", c), Options=batch)
        seen = [r.CorrelationID for r in reply.Results]
        while reply.OverallStatus == "MoreDataAvailable":
            reply = self.request("ResultItem", ContinueRequest=reply.RequestID)
            seen += [r.CorrelationID for r in reply.Results]
        self.assertEqual((reply.OverallStatus, sorted(seen)), ("OK", [str(i) for i in range(7)]))

    def accepted_all(self, reply):
        self.assertEqual((reply.OverallStatus, {r.StatusCode for r in reply.Results}), ("OK", {"OK"}))

    def test_what_the_service_says_of_itself(self):
        status = self.client.service.GetSystemStatus()
        self.assertEqual((status["OverallStatus"], status["Results"]["Result"][0]["SystemStatus"]), ("OK", "OK"))
        version = self.client.service.VersionInfo(IncludeVersionHistory=False)
        self.assertTrue(serialize_object(version)["VersionInfo"]["Version"])
