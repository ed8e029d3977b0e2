// A receiver of Parley's callbacks, with nothing but what Node.js 18 and later bring:
//
//   PARLEY_WEBHOOK_SECRET=$(parley webhooks show --secret) node receiver.mjs 127.0.0.1:9191
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

// How far the time of a callback may be from now, in seconds: an older one may be repeated by somebody who saw it.
const tolerance = 5 * 60;

// Bounds what is read of strangers. Parley cuts what would be longer.
const bodyBytesMax = 16 << 20;

// Returns why a callback is not to be believed; null: one of the secrets has signed the body, within the tolerance. The
// body is the bytes as they came: JSON that was decoded and encoded again is signed no more.
function fault(secrets, headers, body, now) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (id === "" || !/^[0-9]{1,15}$/.test(timestamp)) return "it is not signed";
  if (Math.abs(now - Number(timestamp)) > tolerance) return "its time is too far from now";
  for (const signature of (headers["webhook-signature"] ?? "").split(" ")) { // one for each secret that the sender has
    const [version, encoded] = signature.split(",");
    if (version !== "v1" || encoded === undefined) continue;
    const given = Buffer.from(encoded, "base64");
    for (const secret of secrets) {
      const wanted = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest();
      if (given.length === wanted.length && timingSafeEqual(given, wanted)) return null; // which takes as long whatever is given
    }
  }
  return "no signature is by a secret that is known here";
}

// Reads secrets as whsec_..., with commas between them.
function parseSecrets(text) {
  const secrets = text.split(",").map((one) => Buffer.from(one.replace(/^whsec_/, ""), "base64"));
  if (secrets.some((secret) => secret.length < 24)) {
    throw new Error("PARLEY_WEBHOOK_SECRET is not set to secrets as parley webhooks shows them");
  }
  return secrets;
}

function receive(secrets, request, response) {
  const chunks = [];
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
    if (length > bodyBytesMax) request.destroy();
    else chunks.push(chunk);
  });
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    const why = fault(secrets, request.headers, body, Date.now() / 1000);
    if (why !== null) return response.writeHead(401).end(why);
    let event;
    try {
      event = JSON.parse(body);
    } catch (error) {
      return response.writeHead(400).end(String(error));
    }
    // Keep it, under its webhook-id, before you answer: what you have answered with 2xx does not come again, and what you
    // have not may come twice with the same id. What takes long is done later.
    console.log(request.headers["webhook-id"], event.type, event.sequence);
    return response.writeHead(204).end();
  });
}

const secrets = parseSecrets(process.env.PARLEY_WEBHOOK_SECRET ?? "");
const at = (process.argv[2] ?? "").match(/^(.*):([0-9]+)$/);
if (at === null) throw new Error("say where to listen, as 127.0.0.1:9191");
const server = createServer({ requestTimeout: 60_000 }, (request, response) => receive(secrets, request, response));
server.listen(Number(at[2]), at[1], () => console.log(`listening on ${at[1]}:${server.address().port}`));
