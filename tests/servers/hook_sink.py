"""A receiver of webhooks that keeps what it is given, and fails as told.

Prints "port N" once it listens and ends when its standard input is closed. Each request it takes becomes a file in FOLDER:
NNNN.json with method, path, headers and body. With --secret it checks the signature as a receiver should: HMAC-SHA-256 over
"timestamp.body", a timestamp within five minutes, an id not seen before.

Faults count down; once used up the server behaves. --fail: 503; --redirect: 302 elsewhere; --stall: never answers; --drop: keeps the
request and hangs up. --gone answers 410 always.
"""

import argparse
import hashlib
import hmac
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from smtp_sink import tls_context


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--secret")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--certificate", help="where to write the self-signed certificate (PEM)")
    for fault in ("fail", "redirect", "stall", "drop"):
        parser.add_argument(f"--{fault}", type=int, default=0, metavar="N")
    parser.add_argument("--gone", action="store_true")
    return parser.parse_args()


OPTIONS = arguments()
LOCK = threading.Lock()
SEEN = set()
COUNT = 0


def fault(name):
    with LOCK:
        left = getattr(OPTIONS, name)
        setattr(OPTIONS, name, max(0, left - 1))
        return left > 0


def objection(headers, body):
    if OPTIONS.secret is None:
        return None
    timestamp = headers.get("dyepack-timestamp", "")
    signed = hmac.new(OPTIONS.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest("v1=" + signed, headers.get("dyepack-signature", "")):
        return 401, "bad signature"
    if abs(time.time() - int(timestamp)) > 300:
        return 401, "too old"
    if headers.get("dyepack-id") != json.loads(body)["id"]:
        return 401, "the id is not that of the body"
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        global COUNT
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if fault("stall"):
            time.sleep(3600)
        if fault("redirect"):
            return self.answer(302, "elsewhere", {"location": "http://169.254.169.254/"})
        if fault("fail"):
            return self.answer(503, "not now")
        if OPTIONS.gone:
            return self.answer(410, "gone")
        wrong = objection(self.headers, body)
        if wrong:
            return self.answer(*wrong)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with LOCK:
            is_repeated = headers.get("dyepack-id") in SEEN and OPTIONS.secret is not None
            SEEN.add(headers.get("dyepack-id"))
            COUNT += 1
            name = os.path.join(OPTIONS.folder, f"{COUNT:04}.json")
        facts = {"path": self.path, "headers": headers, "body": body.decode(), "repeated": is_repeated}
        with open(name + ".part", "w") as file:
            json.dump(facts, file)
        os.rename(name + ".part", name)
        if fault("drop"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self.answer(200, "ok")

    def answer(self, status, text, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def serve():
    os.makedirs(OPTIONS.folder, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if OPTIONS.tls:
        server.socket = tls_context(OPTIONS.certificate).wrap_socket(server.socket, server_side=True)
    print(f"port {server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve()
