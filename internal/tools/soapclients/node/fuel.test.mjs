// fuel-soap, which fetches tokens with fuel-auth by the first version of the token interface.
import assert from "node:assert/strict";
import { test } from "node:test";
import { promisify } from "node:util";
import FuelSoap from "fuel-soap";
import { equals, id, secret, story, url } from "./story.mjs";

function open(clientSecret, auth = { authUrl: `${url}/v1/requestToken` }) {
  const fuel = new FuelSoap({ auth: { clientId: id, clientSecret, ...auth }, soapEndpoint: `${url}/Service.asmx` });
  const create = promisify(fuel.create.bind(fuel));
  const retrieve = promisify(fuel.retrieve.bind(fuel));
  return {
    fuel,
    async create(object, options = {}) {
      try {
        return (await create("DataExtensionObject", object, options)).body;
      } catch (e) {
        if (e.errorPropagatedFrom !== "CreateResponse") throw e;
        return { OverallStatus: "Error", RequestID: e.requestId, Results: e.results };
      }
    },
    retrieve: async (type, properties, filter) => (await retrieve(type, properties, { filter })).body,
    refusal: /No access token/,
  };
}

story("fuel-soap", open);

story("fuel-soap with OAuth 2", (s) => open(s, { authUrl: `${url}/v2/token`, authOptions: { authVersion: 2, accountId: "1" } }));

test("fuel-soap: Describe", async () => {
  const { fuel } = open(secret);
  const { body } = await promisify(fuel.describe.bind(fuel))("ResultItem");
  assert.equal(body.ObjectDefinition.ObjectType, "ResultItem");
  const names = body.ObjectDefinition.Properties.filter((p) => p.IsRetrievable === "true").map((p) => p.Name);
  for (const name of ["RequestID", "ConversationID", "CorrelationID", "StatusCode"]) {
    assert.ok(names.includes(name), `${name} is not in ${names}`);
  }
});

test("fuel-soap: Update, Perform and Delete", async () => {
  const { fuel, create } = open(secret);
  const key = { CustomerKey: `fuel-soap verbs ${Date.now()}` };
  await create({ ...key });
  const updated = await promisify(fuel.update.bind(fuel))("DataExtensionObject", { ...key }, {});
  assert.equal(updated.body.OverallStatus, "OK");
  const performed = await promisify(fuel.perform.bind(fuel))("ImportDefinition", { ...key });
  assert.equal(performed.body.OverallStatus, "OK");
  const deleted = await promisify(fuel.delete.bind(fuel))("DataExtensionObject", { ...key }, {});
  assert.equal(deleted.body.OverallStatus, "OK");
  await assert.rejects(promisify(fuel.delete.bind(fuel))("DataExtensionObject", { ...key }, {}), (e) => {
    assert.equal(e.results[0].StatusCode, "Error");
    return true;
  });
});

test("fuel-soap: a token that is no good is a fault", async () => {
  const { fuel } = open(secret);
  fuel.AuthClient.accessToken = "no good";
  await assert.rejects(promisify(fuel.retrieve.bind(fuel))("ResultItem", ["RequestID"], { filter: equals("ConversationID", "x") }), (e) => {
    assert.equal(e.faultstring, "Login failed");
    assert.match(e.faultCode, /:Security$/);
    return true;
  });
});
