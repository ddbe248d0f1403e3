"""A mail server that keeps what it is given, and fails as told.

Prints "port N" once it listens and ends when its standard input is closed, so that it never outlives the test that
started it. Each message it takes becomes two files in FOLDER: NNNN.eml (the bytes as received) and NNNN.json
(envelope, TLS, login).

Faults count down; once used up the server behaves. --reject, --refuse: answers to RCPT; --drop: takes the message,
keeps it, and hangs up instead of answering 250; --cut: hangs up on DATA before anything is taken; --stall: never
answers after the message, and keeps nothing.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--reject", type=int, default=0, metavar="N", help="451 for the first N recipients")
    parser.add_argument("--refuse", type=int, default=0, metavar="N", help="550 for the first N recipients")
    parser.add_argument("--refuse-only", metavar="ADDRESS", help="whom --refuse is for; anybody without it")
    parser.add_argument("--drop", type=int, default=0, metavar="N")
    parser.add_argument("--cut", type=int, default=0, metavar="N")
    parser.add_argument("--stall", type=int, default=0, metavar="N")
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--certificate", help="where to write the self-signed certificate (PEM)")
    parser.add_argument("--login", metavar="USER:PASSWORD", help="ask for this login")
    return parser.parse_args()


class Sink:
    def __init__(self, options):
        self.options = options
        os.makedirs(options.folder, exist_ok=True)
        self.count = sum(name.endswith(".eml") for name in os.listdir(options.folder))

    def fault(self, name):
        left = getattr(self.options, name)
        setattr(self.options, name, max(0, left - 1))
        return left > 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if self.fault("reject"):
            return "451 4.7.1 greylisted, try again later"
        is_refusable = self.options.refuse_only in (None, address)
        if is_refusable and self.fault("refuse"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server, session, envelope):
        if self.fault("cut"):
            server.transport.abort()
            return "421 4.3.0 cut"
        if self.fault("stall"):
            await asyncio.sleep(3600)
        self.keep(session, envelope)
        if self.fault("drop"):
            server.transport.abort()
        return "250 2.0.0 taken"

    def keep(self, session, envelope):
        self.count += 1
        name = os.path.join(self.options.folder, f"{self.count:04}")
        facts = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or self.options.tls == "implicit",
            "login": bool(session.authenticated),
        }
        write(name + ".json", json.dumps(facts).encode())
        write(name + ".eml", envelope.original_content)

    def authenticate(self, server, session, envelope, mechanism, credentials):
        user, _, password = self.options.login.partition(":")
        good = isinstance(credentials, LoginPassword) and (
            credentials.login.decode() == user and credentials.password.decode() == password
        )
        return AuthResult(success=good, handled=False)


def write(path, content):
    with open(path + ".part", "wb") as file:
        file.write(content)
    os.rename(path + ".part", path)


def tls_context(certificate):
    """Makes a key and a self-signed certificate for localhost with the openssl program."""
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-addext", "basicConstraints=critical,CA:FALSE"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    return context


async def serve(options):
    sink = Sink(options)
    context = tls_context(options.certificate) if options.tls != "none" else None
    wants_login = options.login is not None

    def session():
        return SMTP(
            sink,
            hostname="sink.localhost",
            tls_context=context if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
            authenticator=sink.authenticate if wants_login else None,
            auth_required=wants_login,
            auth_require_tls=options.tls == "starttls",
        )

    loop = asyncio.get_running_loop()
    implicit = context if options.tls == "implicit" else None
    server = await loop.create_server(session, "127.0.0.1", options.port, ssl=implicit)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    # Whoever closed our standard input is gone: do not wait for open sessions.
    asyncio.run(serve(arguments()), debug=False)
    os._exit(0)
