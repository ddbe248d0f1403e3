#!/usr/bin/env python3
"""Checks an export of evidence without dyepack: python3 check.py [FOLDER] (standard library only).

1. SHA256SUMS is signed (Ed25519) with the key in signing.pub.pem; every file is there and has its SHA-256; there are no others.
2. Every row of ledger.jsonl follows from the row before; rows of other organizations show only their hashes.
3. Every head in heads/ is signed, and the ledger was as it says; a time stamp beside it names its SHA-256.
4. Every hit's row is the hash of where manifest.json says it lies; every capture's row is the SHA-256 of its body.
5. The bodies in captures.warc.gz have the SHA-256 that their capture names.
6. Every planted record in canaries.json is under the root that a row of the ledger committed to.

What a program cannot check: that the key is that of whoever runs dyepack. Compare the fingerprint printed at the end with
the one in the mails that the auditor got. The time stamps' own signatures: openssl ts -verify (see report.html). And take
this program from a place you trust, not from a folder that you doubt.
"""
import base64
import functools
import gzip
import hashlib
import json
import os
import re
import sys

# --- Ed25519 (RFC 8032 §5.1), verification only
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(None)
def is_signed(key, message, signature):
    if len(signature) != 64 or len(key) != 32:
        return False
    a, r = point(key), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    one, other = times(s, BASE), add(r, times(h, a))
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


KEY_HEAD = bytes.fromhex("302a300506032b6570032100")


def read_key(text):
    """The 32 bytes of a public key in PEM, and its fingerprint."""
    lines = text.decode().strip().splitlines()
    der = base64.b64decode("".join(lines[1:-1]), validate=True)
    if lines[0] != "-----BEGIN PUBLIC KEY-----" or lines[-1] != "-----END PUBLIC KEY-----":
        raise ValueError("not a public key in PEM")
    if len(der) != 44 or der[:12] != KEY_HEAD:
        raise ValueError("not an Ed25519 key")
    return der[12:], hashlib.sha256(der).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def parts(*texts):
    sha = hashlib.sha256()
    for text in texts:
        data = str(text).encode()
        sha.update(len(data).to_bytes(8, "big") + data)
    return sha.hexdigest()


def fields(pairs):
    return "".join(f"{name}: {value}\n" for name, value in pairs)


def stamped_at(answer):
    """When an RFC 3161 answer says that what it stamps was there."""
    found = re.search(rb"\x18.(\d{14})(?:\.\d+)?Z", answer)
    time = found.group(1).decode() if found else "00000000000000"
    return f"{time[:4]}-{time[4:6]}-{time[6:8]} {time[8:10]}:{time[10:12]}:{time[12:]} UTC"


class Export:
    def __init__(self, folder):
        self.folder = folder
        self.problems = []
        self.notes = []
        self.rows = {}  # by kind and subject: digest, number
        self.hashes = [""]

    def wrong(self, text):
        self.problems.append(text)

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def load(self, name):
        return json.loads(self.read(name).decode("utf-8"))

    def names(self):
        for folder, _, names in os.walk(self.folder):
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.folder).replace(os.sep, "/")

    def sums(self):
        sums = self.read("SHA256SUMS")
        key, self.fingerprint = read_key(self.read("signing.pub.pem"))
        if not is_signed(key, sums, self.read("SHA256SUMS.sig")):
            self.wrong("SHA256SUMS is not signed with the key in signing.pub.pem")
        named = {}
        for line in sums.decode("utf-8").splitlines():
            digest, _, name = line.partition("  ")
            named[name] = digest
        there = set(self.names()) - {"SHA256SUMS", "SHA256SUMS.sig"}
        for name in sorted(there | set(named)):
            if name not in named or name not in there:
                self.wrong(f"{name} is " + ("missing" if name in named else "not part of the export"))
            elif sha256(self.read(name)) != named[name]:
                self.wrong(f"{name} is not the file that was exported")
        self.files = len(named)

    def ledger(self):
        previous, number = "", 0
        for line in self.read("ledger.jsonl").decode("utf-8").splitlines():
            row = json.loads(line)
            number += 1
            entry_hash, entry = row["entry_hash"], row.get("entry")
            if entry:
                said = [entry[key] for key in ("number", "at", "kind", "organization", "subject", "digest")]
                if parts("entry/1", *said) != entry_hash or entry["number"] != number:
                    self.wrong(f"row {number} of the ledger says something else than its hash")
                self.rows[entry["kind"], entry["subject"]] = entry["digest"], number, entry["at"]
            if parts("ledger/1", previous, entry_hash) != row["hash"]:
                self.wrong(f"row {number} of the ledger does not follow from the row before")
            previous = row["hash"]
            self.hashes.append(previous)
        end = self.manifest["ledger"]
        if previous != end["hash"] or number != end["rows"]:
            self.wrong("the ledger ends elsewhere than manifest.json says")

    def heads(self):
        self.covers = []
        for name in sorted(name for name in self.names() if name.startswith("heads/") and name.endswith(".txt")):
            day = name[6:-4]
            text, pem = self.read(name), self.read(f"heads/{day}.pub.pem")
            signature = self.read(f"heads/{day}.sig")
            said = dict(line.split(": ", 1) for line in text.decode().splitlines()[1:])
            key, fingerprint = read_key(pem)
            if not is_signed(key, text, signature) or fingerprint != said["key"]:
                self.wrong(f"the head of {day} is not signed with the key that it names")
            rows = int(said["rows"])
            if not 0 < rows < len(self.hashes) or self.hashes[rows] != said["hash"]:
                self.wrong(f"the head of {day} was signed over another ledger")
            digest = parts("head/1", day, text.decode(), base64.b64encode(signature).decode(), pem.decode())
            if self.rows.get(("head", day), (None,))[0] != digest:
                self.wrong(f"the head of {day} is not as the ledger has it")
            note = f"head of {day}: {rows} rows, signed {said['signed-at']} by {fingerprint[:16]}…"
            if os.path.exists(os.path.join(self.folder, f"heads/{day}.tsr")):
                note += self.stamp(f"heads/{day}.tsr", text, f"the head of {day}")
            self.covers.append((rows, day))
            self.notes.append(note)

    def stamp(self, name, stamped, what):
        answer = self.read(name)
        if hashlib.sha256(stamped).digest() not in answer:
            self.wrong(f"{name} is not a time stamp of {what}")
        return f", stamped {stamped_at(answer)}"

    def exhibits(self):
        for exhibit in self.manifest["exhibits"]:
            span = exhibit["span"]
            keys = ("hit", "capture", "organization", "entry", "field", "masked", "member")
            said = [exhibit[key] for key in keys]
            digest = parts("exhibit/1", *said, span["start"], span["end"], *exhibit["steps"])
            if self.rows.get(("hit", exhibit["hit"]), (None,))[0] != digest:
                self.wrong(f"hit {exhibit['hit']} is not as the ledger has it")

    def captures(self):
        captures = self.manifest["captures"]
        bodies = dict(self.bodies()) if captures else {}
        for capture in captures:
            offset = capture["clock_offset_s"]
            said = [
                capture["requested"], capture["url"], fields(capture["request_headers"]), capture["route"],
                capture["status"], fields(capture["headers"]), capture["fetched_at_ms"],
                "" if offset is None else offset, capture["body_sha256"], capture["body_bytes"], capture["tool"],
            ]
            if "protocol" in capture:
                hops = "".join(f"{hop['status']} {hop['url']}\n" for hop in capture.get("hops", []))
                identity = parts("capture/2", *said, capture["method"], capture["protocol"], hops)
            else:
                identity = parts("capture/1", *said)
            digest = self.rows.get(("capture", identity), (None,))[0]
            if identity != capture["id"] or digest != capture["body_sha256"]:
                self.wrong(f"capture {capture['id']} is not as the ledger has it")
            if sha256(bodies.get(capture["id"], b"")) != capture["body_sha256"]:
                self.wrong(f"the body of capture {capture['id']} is not in captures.warc.gz as it was captured")

    def bodies(self):
        """Blocks of the response records, by capture."""
        with gzip.open(os.path.join(self.folder, "captures.warc.gz")) as file:
            while line := file.readline():
                if not line.startswith(b"WARC/"):
                    continue
                head = {}
                while line := file.readline().strip():
                    key, _, value = line.decode("utf-8", "replace").partition(":")
                    head[key.strip().lower()] = value.strip()
                block = file.read(int(head["content-length"]))
                if head.get("warc-type") == "response":
                    yield head["x-dyepack-capture"], block.partition(b"\r\n\r\n")[2]

    def canaries(self):
        if not os.path.exists(os.path.join(self.folder, "canaries.json")):
            return
        for proof in self.load("canaries.json"):
            salt, entry = proof["salt"].encode(), proof["entry"].encode()
            node = hashlib.sha256(b"\0" + len(salt).to_bytes(8, "little") + salt + entry).digest()
            for beside in proof["path"]:
                side, _, other = beside.partition(":")
                pair = bytes.fromhex(other) + node if side == "left" else node + bytes.fromhex(other)
                node = hashlib.sha256(b"\1" + pair).digest()
            name, subject = proof["canary"], f"{proof['organization']}/{proof['commitment']}"
            digest, number, at = self.rows.get(("canaries", subject), (None, 0, 0))
            if node.hex() != proof["root"] or digest != proof["root"] or json.loads(entry)["id"] != name:
                self.wrong(f"canary {name} is not under the root that the ledger has")
                continue
            day = next((day for rows, day in sorted(self.covers) if rows >= number), None)
            covered = f"covered by the head of {day}" if day else "not covered by a head yet"
            self.notes.append(f"canary {name}: committed to by row {number}, {covered}")

    def check(self):
        steps = (self.sums, self.ledger, self.heads, self.exhibits, self.captures, self.canaries)
        try:
            self.manifest = self.load("manifest.json")
            for step in steps:
                step()
            if os.path.exists(os.path.join(self.folder, "manifest.json.tsr")):
                note = self.stamp("manifest.json.tsr", self.read("manifest.json"), "manifest.json")
                self.notes.append(f"manifest.json{note}")
        except Exception as error:  # A folder that cannot be read to its end is not whole.
            self.wrong(f"the export cannot be read: {type(error).__name__}: {error}")
        return self.problems


def main():
    export = Export(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
    problems = export.check()
    for note in export.notes:
        print(note)
    for problem in problems:
        print("PROBLEM:", problem)
    if not problems:
        manifest = export.manifest
        print(f"{export.files} files, {len(export.hashes) - 1} rows of the ledger, {len(manifest['exhibits'])} hits, "
              f"{len(manifest['captures'])} captures: whole")
        print(f"signed with the key {export.fingerprint}")
    else:
        print(f"{len(problems)} problems: BROKEN")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
