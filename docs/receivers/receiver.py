"""A receiver of Parley's callbacks, with nothing but the standard library of Python 3.9 and later:

    PARLEY_WEBHOOK_SECRET=$(parley webhooks show --secret) python3 receiver.py 127.0.0.1:9191
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds that a callback may be from now: an older one may be repeated by somebody who saw it
BODY_BYTES_MAX = 16 << 20  # what is read of strangers; Parley cuts what would be longer


class NotSigned(Exception):
    """Why a callback is not to be believed."""


def verify(secrets, headers, body, now):
    """Raise NotSigned unless one of the secrets has signed the body, within the tolerance. The body is the bytes as
    they came: JSON that was decoded and encoded again is signed no more."""
    ident, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not ident or not (timestamp.isascii() and timestamp.isdigit()):
        raise NotSigned("it is not signed")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise NotSigned("its time is too far from now")
    signed = f"{ident}.{timestamp}.".encode() + body
    for signature in headers.get("webhook-signature", "").split():  # one for each secret that the sender has
        version, _, encoded = signature.partition(",")
        if version != "v1":
            continue
        for secret in secrets:
            wanted = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
            if hmac.compare_digest(encoded.encode(), wanted):  # which takes as long whatever is given
                return
    raise NotSigned("no signature is by a secret that is known here")


def parse_secrets(text):
    """Read secrets as whsec_..., with commas between them."""
    try:
        secrets = [base64.b64decode(one.removeprefix("whsec_"), validate=True) for one in text.split(",")]
    except binascii.Error:
        secrets = [b""]
    if any(len(secret) < 24 for secret in secrets):
        sys.exit("PARLEY_WEBHOOK_SECRET is not set to secrets as parley webhooks shows them")
    return secrets


class Receiver(BaseHTTPRequestHandler):
    secrets = []
    timeout = 60

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return self.answer(413, "the body is too long, or its length is not said")
        body = self.rfile.read(int(length))
        try:
            verify(self.secrets, self.headers, body, time.time())
            event = json.loads(body)
        except NotSigned as why:
            return self.answer(401, str(why))
        except ValueError as why:
            return self.answer(400, str(why))
        # Keep it, under its webhook-id, before you answer: what you have answered with 2xx does not come again, and
        # what you have not may come twice with the same id. What takes long is done later.
        print(self.headers["webhook-id"], event.get("type"), event.get("sequence"), flush=True)
        return self.answer(204, "")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        """Callbacks are printed, requests are not."""


def main():
    Receiver.secrets = parse_secrets(os.environ.get("PARLEY_WEBHOOK_SECRET", ""))
    if len(sys.argv) != 2:
        sys.exit("say where to listen, as 127.0.0.1:9191")
    host, _, port = sys.argv[1].rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Receiver)
    print(f"listening on {host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
