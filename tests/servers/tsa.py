#!/usr/bin/env python3
"""A time-stamping authority (RFC 3161) on loopback, made of openssl: tsa.py --folder DIR [--port N].

Makes a root and an authority's certificate in the folder (ca.pem), prints "port N" and answers until it is killed:
POST / stamps; /busy answers 503; /other stamps another digest; /replay answers an earlier request again; /refuse refuses.
"""
import argparse
import http.server
import pathlib
import subprocess

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[stamper]
basicConstraints = CA:false
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ordering = yes
ess_cert_id_alg = sha256
"""


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make(folder):
    for name, digests in (("tsa.cnf", "sha256"), ("strict.cnf", "sha512")):
        (folder / name).write_text(CONFIG.format(folder=folder, name="Test Authority", digests=digests))
    (folder / "root.cnf").write_text(CONFIG.format(folder=folder, name="Test Root", digests="sha256"))
    (folder / "serial").write_text("01\n")
    if (folder / "ca.pem").exists():
        return
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
            "-days", "30", "-config", folder / "root.cnf", "-extensions", "ca")
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr",
            "-config", folder / "tsa.cnf")
    openssl("x509", "-req", "-in", folder / "tsa.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", folder / "tsa.cnf", "-extensions", "stamper",
            "-out", folder / "tsa.pem")


def reply(folder, query, config="tsa.cnf"):
    (folder / "query.tsq").write_bytes(query)
    openssl("ts", "-reply", "-config", folder / config, "-queryfile", folder / "query.tsq", "-out", folder / "answer.tsr")
    return (folder / "answer.tsr").read_bytes()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    make(options.folder)
    earlier = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status = 200
            if self.path == "/busy":
                status, answer = 503, b"try later"
            elif self.path == "/other":
                at = query.index(b"\x04\x20") + 2
                answer = reply(options.folder, query[:at] + bytes(32) + query[at + 32:])
            elif self.path == "/refuse":
                answer = reply(options.folder, query, "strict.cnf")
            elif self.path == "/replay":
                answer = earlier[0]
            else:
                answer = reply(options.folder, query)
            if status == 200:
                earlier.append(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = http.server.HTTPServer(("127.0.0.1", options.port), Handler)
    print("port", server.server_address[1], flush=True)
    server.serve_forever()


main()
