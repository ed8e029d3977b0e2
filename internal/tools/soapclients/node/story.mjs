// The story that each client tells: what a team that moves to Parley does with it. story(name, open) registers its tests;
// open(secret) makes a client, whose members are
//
//   create(object, options)    a Create of one DataExtensionObject; its reply, also when it says Error or Has Errors
//   retrieve(type, properties, filter)    a Retrieve; its reply
//   refusal    what says, of an error, that it is that of wrong credentials
//
// A filter is {leftOperand, operator, rightOperand}, as fuel-soap and sfmc-sdk have it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

export const url = process.env.PARLEY_URL;
export const id = process.env.PARLEY_KEY_ID;
export const secret = process.env.PARLEY_KEY;
const revoked = process.env.PARLEY_REVOKED_KEY;

const PATIENCE_MS = 30_000;
const PROPERTIES = ["RequestID", "ConversationID", "CorrelationID", "StatusCode", "StatusMessage", "ErrorCode", "RequestType", "RequestObjectType", "OrdinalID"];

export const row = (key, correlation) => ({
  CustomerKey: key,
  CorrelationID: correlation,
  Properties: { Property: [{ Name: "Email", Value: `${key}@example.com` }, { Name: "Note", Value: "<ü & \"ß\">" }] },
});

export const part = (conversation, sequence, calls) => ({
  RequestType: "Asynchronous",
  ConversationID: conversation,
  SequenceCode: sequence,
  CallsInConversation: calls,
});

export const equals = (property, value) => ({ leftOperand: property, operator: "equals", rightOperand: value });

// items polls until as many results are there, and returns them by their CorrelationID.
export async function items(client, filter, count) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { OverallStatus, Results = [] } = await client.retrieve("ResultItem", PROPERTIES, filter);
    assert.equal(OverallStatus, "OK");
    if (Results.length === count) {
      return Object.fromEntries(Results.map((item) => [item.CorrelationID, item]));
    }
    assert.ok(Results.length < count && Date.now() < deadline, `${Results.length} of ${count} results after ${PATIENCE_MS} ms`);
    await pause(100);
  }
}

export function story(name, open) {
  const client = open(secret);
  const conversation = (what) => `${name} ${what} ${process.pid}-${Date.now()}`;

  test(`${name}: a conversation of three creates, out of order`, async () => {
    const c = conversation("in order");
    for (const n of [3, 1, 2]) {
      const reply = await client.create(row(`${c} ${n}`, `object-${n}`), part(c, n, 3));
      assert.equal(reply.OverallStatus, "OK");
      assert.equal(reply.Results.length, 1);
      assert.equal(reply.Results[0].StatusCode, "OK");
      assert.match(reply.RequestID, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    }
    const results = await items(client, equals("ConversationID", c), 3);
    for (const n of [1, 2, 3]) {
      const item = results[`object-${n}`];
      assert.equal(item.StatusCode, "OK");
      assert.equal(item.ConversationID, c);
      assert.equal(item.RequestType, "Asynchronous");
      assert.equal(item.RequestObjectType, "DataExtensionObject");
    }
  });

  test(`${name}: a conversation fails, what is left goes on under a new ConversationID`, async () => {
    const failing = conversation("fails");
    const requests = {};
    // The second creates the object of the first once more, which the backend refuses; the third is then not carried out.
    for (const [n, key] of [[2, 1], [3, 3], [1, 1]]) {
      const reply = await client.create(row(`${failing} ${key}`, `object-${n}`), part(failing, n, 3));
      assert.equal(reply.OverallStatus, "OK");
      requests[n] = reply.RequestID;
    }
    const results = await items(client, equals("ConversationID", failing), 3);
    assert.equal(results["object-1"].StatusCode, "OK");
    assert.equal(results["object-2"].StatusCode, "Error");
    assert.match(results["object-2"].StatusMessage, /is there already/);
    assert.ok(Number(results["object-2"].ErrorCode) > 0);
    assert.equal(results["object-3"].StatusCode, "Error");
    const one = await items(client, equals("RequestID", requests[2]), 1);
    assert.deepEqual(one["object-2"], results["object-2"]);

    // The ConversationID is used up: a call under it is taken, and never carried out.
    const late = await client.create(row(`${failing} late`, "late"), part(failing, 3, 3));
    assert.equal(late.OverallStatus, "OK");
    const refused = await items(client, equals("RequestID", late.RequestID), 1);
    assert.equal(refused.late.StatusCode, "Error");

    const again = conversation("again");
    for (const [n, key] of [[2, 3], [1, 2]]) {
      await client.create(row(`${failing} ${key}`, `object-${key}`), part(again, n, 2));
    }
    const resumed = await items(client, equals("ConversationID", again), 2);
    assert.deepEqual([resumed["object-2"].StatusCode, resumed["object-3"].StatusCode], ["OK", "OK"]);
  });

  test(`${name}: a call without RequestType is synchronous, its reply has the results`, async () => {
    const key = conversation("at once");
    const created = await client.create(row(key, "once"));
    assert.equal(created.OverallStatus, "OK");
    assert.equal(created.Results[0].StatusCode, "OK");
    const twice = await client.create(row(key, "twice"));
    assert.equal(twice.OverallStatus, "Error");
    assert.equal(twice.Results[0].StatusCode, "Error");
    assert.match(twice.Results[0].StatusMessage, /is there already/);
  });

  test(`${name}: a call of a conversation that does not say Asynchronous is refused with 209`, async () => {
    const reply = await client.create(row("never", "never"), { ConversationID: conversation("synchronous"), SequenceCode: 1, CallsInConversation: 1 });
    assert.equal(reply.OverallStatus, "Error");
    assert.equal(reply.Results[0].StatusCode, "Error");
    assert.equal(Number(reply.Results[0].ErrorCode), 209);
  });

  test(`${name}: a type that is unknown cannot be retrieved`, async () => {
    await assert.rejects(client.retrieve("NoSuchType", ["ID"], equals("ID", "1")), /Unable to find a handler for object type/);
  });

  test(`${name}: wrong credentials are refused`, async () => {
    for (const wrong of [revoked, "wrong"]) {
      const stranger = open(wrong);
      await assert.rejects(async () => stranger.create(row("never", "never")), client.refusal);
    }
  });
}
