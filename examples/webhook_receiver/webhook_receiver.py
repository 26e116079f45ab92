"""Receives webhooks with Python's own library: checks the signature, passes what was seen, answers at once.

SECRET=whsec_... python webhook_receiver.py 8200
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE = 300  # seconds


def is_genuine(secret: str, headers: Message, body: bytes) -> bool:
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body, each secret's signature in the header."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < TOLERANCE
    return fresh and any(
        hmac.compare_digest(expected, told) for told in headers["webhook-signature"].split(" ")
    )


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            genuine = is_genuine(os.environ["SECRET"], self.headers, body)
        except (AttributeError, TypeError, ValueError):  # a header is missing, or of another form
            genuine = False
        if genuine:
            event = json.loads(body)
            with ROWS:  # one transaction: what is seen is taken, and what is taken is seen
                new = ROWS.execute(
                    "INSERT OR IGNORE INTO seen VALUES (?)", [self.headers["webhook-id"]]
                ).rowcount
                if new:
                    ROWS.execute("INSERT INTO events VALUES (?, ?)", [event["subject"], json.dumps(event)])
        self.send_response(204 if genuine else 401)
        self.end_headers()


if __name__ == "__main__":
    ROWS = sqlite3.connect(os.environ.get("FILE", "events.sqlite"))
    ROWS.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")
    ROWS.execute("CREATE TABLE IF NOT EXISTS events (case_id TEXT, event TEXT)")
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
