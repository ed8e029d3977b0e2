"""FuelSDK-Python with suds, which loads the WSDL that Parley serves from a file. It says by a token who it is: of the second version
of the token interface, or, with a UsernameToken of nothing but asterisks beside it, of the first."""

import os
import tempfile
import types
import unittest

from FuelSDK.client import ET_Client
from FuelSDK.rest import ET_GetSupport
from story import KEY, KEY_ID, PROPERTIES, URL, Story, part


class OAuth2(Story, unittest.TestCase):
    auth = {"authenticationurl": URL, "useOAuth2Authentication": "True"}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.client = cls.connect(KEY)

    @classmethod
    def connect(cls, secret):
        os.chdir(cls.folder.name)
        wsdl = {"defaultwsdl": f"{URL}/etframework.wsdl", "wsdl_file_local_loc": os.path.join(cls.folder.name, "partner.wsdl")}
        return ET_Client(False, False, {"clientid": KEY_ID, "clientsecret": secret, "baseapiurl": URL, **wsdl, **cls.auth})

    def make(self, name, **members):
        made = self.client.soap_client.factory.create(name)
        for member, value in members.items():
            made[member] = value
        return made

    def create(self, row, options):
        # The classes of the SDK know no options of a Create; the suds client below them does.
        status, reply = self.client.soap_client.service.Create(
            options and self.make("CreateOptions", **options), [self.make("DataExtensionObject", **row)]
        )
        self.assertEqual(status, 200)
        return reply

    def get(self, object_type):
        get = ET_GetSupport()
        get.auth_stub, get.obj_type = self.client, object_type
        return get

    def retrieve(self, of, value):
        got = self.get("ResultItem").get(PROPERTIES, {"Property": of, "SimpleOperator": "equals", "Value": value})
        self.assertTrue(got.status)
        return types.SimpleNamespace(OverallStatus=got.message, Results=got.results)

    def retrieve_unknown(self):
        return self.get("NoSuchType").get(["ID"]).message

    def refused(self, key):
        with self.assertRaisesRegex(Exception, "Unable to validate App Keys") as caught:
            self.connect(key)
        return str(caught.exception)

    def test_describe_first(self):
        """Without a list of properties, Describe says which there are."""
        c = self.conversation("describe")
        self.accepted(self.create({"CustomerKey": c, "CorrelationID": "described"}, part(c, 1, 1)))
        self.items("ConversationID", c, 1)
        got = self.get("ResultItem").get(None, {"Property": "ConversationID", "SimpleOperator": "equals", "Value": c})
        self.assertEqual([r.CorrelationID for r in got.results], ["described"])

    def test_more_results(self):
        c = self.conversation("pages")
        for n in range(1, 6):
            self.accepted(self.create({"CustomerKey": f"{c} {n}", "CorrelationID": str(n)}, part(c, n, 5)))
        self.items("ConversationID", c, 5)
        get = self.get("ResultItem")
        got = get.get(["CorrelationID"], {"Property": "ConversationID", "SimpleOperator": "equals", "Value": c}, {"BatchSize": 2})
        seen = [r.CorrelationID for r in got.results]
        while got.more_results:
            got = get.getMoreResults()
            seen += [r.CorrelationID for r in got.results]
        self.assertEqual(sorted(seen), ["1", "2", "3", "4", "5"])


class Legacy(OAuth2):
    auth = {"authenticationurl": f"{URL}/v1/requestToken", "soapendpoint": f"{URL}/Service.asmx"}


class Discovered(Legacy):
    """The endpoint is asked for, by REST."""

    auth = {"authenticationurl": f"{URL}/v1/requestToken"}
