#!/usr/bin/env python3
"""OpenID providers on loopback: oidc.py prints "mock URL" and "bent URL" and answers until it is killed.

The first is oidc-provider-mock, which other people wrote. The second checks what we send (PKCE, secret, redirect) and answers
with a token that is wrong in a way of its own: POST /bend with one of the names of BENDS sets which; "" is right.
"""
import base64
import hashlib
import hmac
import http.server
import json
import secrets
import threading
import time
import urllib.parse

import werkzeug.serving
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from oidc_provider_mock import app
from oidc_provider_mock._storage import User

SECRET = "s3cret & more"
BENDS = ("", "nonce", "audience", "expired", "issuer", "forged", "unsigned", "hmac", "unverified", "rotated", "es256", "brief", "swapped", "grouped", "renamed")


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def joined(*parts):
    return ".".join(encoded(json.dumps(part).encode()) for part in parts)


def mock():
    users = [
        User(sub="ann", claims={"email": "Ann@Bank.example", "email_verified": True}),
        User(sub="eve", claims={"email": "eve@bank.example", "email_verified": True}),
    ]
    server = werkzeug.serving.make_server("localhost", 0, app(user_claims=users), threaded=True)
    print(f"mock http://localhost:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Bent(http.server.BaseHTTPRequestHandler):
    keys = [RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}), ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})]
    codes, bend, sub = {}, "", "bob"

    def log_message(self, *_):
        pass

    def answer(self, status, content=b"", kind="application/json", **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/.well-known/openid-configuration":
            told = {name: self.issuer + path for name, path in [
                ("authorization_endpoint", "/authorize?tenant=1"), ("token_endpoint", "/token"), ("jwks_uri", "/keys"),
                ("userinfo_endpoint", "/userinfo"), ("end_session_endpoint", "/logout"), ("issuer", "")]}
            self.answer(200, {**told, "issuer": "https://else.example"} if self.bend == "renamed" else told)
        elif url.path == "/keys":
            strange = {"kty": "lattice", "kid": "three"}
            self.answer(200, {"keys": [strange, *(key.as_dict(private=False) for key in self.keys)]})
        elif url.path == "/authorize":
            asked = dict(urllib.parse.parse_qsl(url.query))
            assert asked["tenant"] == "1" and asked["response_type"] == "code" and "openid" in asked["scope"].split()
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_hex(8)
            self.codes[code] = asked
            back = urllib.parse.urlencode({"code": code, "state": asked["state"]})
            self.answer(302, Location=f"{asked['redirect_uri']}?{back}")
        elif url.path == "/userinfo":
            assert self.headers["Authorization"] == "Bearer access"
            sub = "mallory" if self.bend == "swapped" else self.sub
            self.answer(200, {"sub": sub, "email": "bob@bank.example", "email_verified": True})
        else:
            self.answer(404)

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/bend":
            Bent.bend, _, sub = text.partition(" ")
            Bent.sub = sub or "bob"
            assert self.bend in BENDS
            if self.bend == "rotated":
                Bent.keys = [RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})]
            return self.answer(200)
        form = dict(urllib.parse.parse_qsl(text))
        asked = self.codes.pop(form.get("code"), None)
        proof = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        scheme, _, told = self.headers.get("Authorization", "").partition(" ")
        client = base64.b64decode(told).decode() if scheme == "Basic" else ""
        expected = f"dyepack:{urllib.parse.quote_plus(SECRET)}"
        if not asked or asked["code_challenge"] != proof or form["redirect_uri"] != asked["redirect_uri"] or client != expected:
            return self.answer(400, {"error": "invalid_grant"})
        self.answer(200, {"access_token": "access", "token_type": "Bearer", "id_token": self.token(asked)})

    def token(self, asked):
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.sub, "aud": "dyepack", "exp": now + 300, "iat": now, "nonce": asked["nonce"]}
        if self.bend not in ("brief", "swapped"):
            claims.update({"email": "bob@bank.example", "email_verified": self.bend != "unverified"})
        claims.update({
            "nonce": {"nonce": "another"}, "audience": {"aud": "another"}, "issuer": {"iss": "https://else.example"},
            "expired": {"exp": now - 3600}, "grouped": {"groups": ["soc", "all"]},
        }.get(self.bend, {}))
        if self.bend == "unsigned":
            return joined({"alg": "none"}, claims) + "."
        if self.bend == "hmac":
            # What everybody may know, taken for a shared secret.
            text = joined({"alg": "HS256", "kid": "one"}, claims)
            digest = hmac.new(self.keys[0].as_pem(private=False), text.encode(), hashlib.sha256).digest()
            return f"{text}.{encoded(digest)}"
        if self.bend == "forged":
            return jwt.encode({"alg": "RS256", "kid": self.keys[0].kid}, claims, RSAKey.generate_key(2048))
        if self.bend == "es256":
            return jwt.encode({"alg": "ES256", "kid": "two"}, claims, self.keys[1])
        return jwt.encode({"alg": "RS256", "kid": self.keys[0].kid}, claims, self.keys[0])


if __name__ == "__main__":
    mock()
    bent = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bent)
    print(f"bent http://127.0.0.1:{bent.server_port}", flush=True)
    bent.serve_forever()
