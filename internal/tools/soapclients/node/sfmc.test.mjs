// sfmc-sdk. It takes an auth_url only if the address of the system it was made for is somewhere in it: here it is in the query, which
// Parley does not read.
import assert from "node:assert/strict";
import { test } from "node:test";
import SDK from "sfmc-sdk";
import { equals, id, items, part, row, secret, story, url } from "./story.mjs";

const AUTH_URL = `${url}/v2/token?https://${"m".repeat(28)}.auth.marketingcloudapis.com/`;

function open(clientSecret) {
  const sdk = new SDK({ client_id: id, client_secret: clientSecret, account_id: 1, auth_url: AUTH_URL });
  return {
    sdk,
    async create(object, options) {
      try {
        return list(await sdk.soap.create("DataExtensionObject", object, { options }));
      } catch (e) {
        if (!e.json?.OverallStatus) throw e;
        return list(e.json);
      }
    },
    retrieve: async (type, properties, filter) => list(await sdk.soap.retrieve(type, properties, { filter })),
    refusal: { name: "RestError", code: "invalid_client" },
  };
}

// list makes a list of the Results, of which sfmc-sdk makes none when there is one and an error.
const list = (reply) => ({ ...reply, Results: [reply.Results ?? []].flat() });

story("sfmc-sdk", open);

test("sfmc-sdk: pages", async () => {
  const client = open(secret);
  const c = `sfmc-sdk pages ${process.pid}-${Date.now()}`;
  for (const n of [1, 2, 3, 4, 5]) {
    await client.create(row(`${c} ${n}`, `object-${n}`), part(c, n, 5));
  }
  const filter = equals("ConversationID", c);
  await items(client, filter, 5);
  const all = await client.sdk.soap.retrieveBulk("ResultItem", ["CorrelationID"], { filter, options: { BatchSize: 2 } });
  assert.deepEqual(all.Results.map((r) => r.CorrelationID).sort(), ["object-1", "object-2", "object-3", "object-4", "object-5"]);
});

test("sfmc-sdk: a complex filter", async () => {
  const client = open(secret);
  const c = `sfmc-sdk filter ${process.pid}-${Date.now()}`;
  for (const n of [1, 2]) {
    await client.create(row(`${c} ${n}`, `object-${n}`), part(c, n, 2));
  }
  await items(client, equals("ConversationID", c), 2);
  const filter = { leftOperand: equals("ConversationID", c), operator: "AND", rightOperand: equals("CorrelationID", "object-2") };
  const { Results } = await client.retrieve("ResultItem", ["CorrelationID", "StatusCode"], filter);
  assert.deepEqual(Results, [{ CorrelationID: "object-2", StatusCode: "OK" }].map((want) => ({ ...Results[0], ...want })));
});

test("sfmc-sdk: its token is good for the JSON interface, too", async () => {
  const client = open(secret);
  const c = `sfmc-sdk rest ${process.pid}-${Date.now()}`;
  await client.create(row(c, "object"), part(c, 1, 1));
  const seen = await client.sdk.rest.get(`/v1/conversations/${encodeURIComponent(c)}?wait=30s`);
  assert.equal(seen.status, "Complete");
});

test("sfmc-sdk: a token that is no good is a fault", async () => {
  const { sdk } = open(secret);
  await sdk.auth.getAccessToken();
  sdk.auth.authObject.access_token = "no good";
  await assert.rejects(sdk.soap.retrieve("ResultItem", ["RequestID"], { filter: equals("ConversationID", "x") }), /Login failed/);
});
