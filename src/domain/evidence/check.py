#!/usr/bin/env python3
"""Checks an export of evidence without dyepack: python3 check.py (standard library only).

1. Every file has the SHA-256 that manifest.json names.
2. Every row of ledger.jsonl follows from the row before; rows of other organizations show only their hashes.
3. Every hit's row is the hash of where manifest.json says it lies; every capture's row is the SHA-256 of its body.
4. The bodies in captures.warc.gz have the SHA-256 that their capture names.
"""
import gzip
import hashlib
import json
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
problems = []


def path(name):
    return os.path.join(here, name)


def parts(*texts):
    sha = hashlib.sha256()
    for text in texts:
        data = str(text).encode()
        sha.update(len(data).to_bytes(8, "big") + data)
    return sha.hexdigest()


def records(name):
    """Blocks of the response records, by capture."""
    with gzip.open(path(name)) as file:
        while True:
            line = file.readline()
            if not line:
                return
            if not line.startswith(b"WARC/"):
                continue
            head = {}
            while (line := file.readline().strip()):
                key, _, value = line.decode("utf-8", "replace").partition(":")
                head[key.strip().lower()] = value.strip()
            block = file.read(int(head["content-length"]))
            if head.get("warc-type") == "response":
                yield head["x-dyepack-capture"], block.partition(b"\r\n\r\n")[2]


with open(path("manifest.json"), encoding="utf-8") as file:
    manifest = json.load(file)
for name, digest in manifest["files"].items():
    with open(path(name), "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != digest:
            problems.append(f"{name} is not the file that was exported")

previous, rows, number = "", {}, 0
with open(path("ledger.jsonl"), encoding="utf-8") as file:
    for line in file:
        row = json.loads(line)
        number += 1
        entry_hash = row["entry_hash"]
        entry = row.get("entry")
        if entry:
            said = [entry[key] for key in ("number", "at", "kind", "organization", "subject", "digest")]
            if parts("entry/1", *said) != entry_hash or entry["number"] != number:
                problems.append(f"row {number} of the ledger says something else than its hash")
            rows[entry["kind"], entry["subject"]] = entry["digest"]
        if parts("ledger/1", previous, entry_hash) != row["hash"]:
            problems.append(f"row {number} of the ledger does not follow from the row before")
        previous = row["hash"]
if previous != manifest["ledger"]["hash"] or number != manifest["ledger"]["rows"]:
    problems.append("the ledger ends elsewhere than manifest.json says")

for exhibit in manifest["exhibits"]:
    span = exhibit["span"]
    keys = ("hit", "capture", "organization", "entry", "field", "masked", "member")
    digest = parts("exhibit/1", *(exhibit[key] for key in keys), span["start"], span["end"], *exhibit["steps"])
    if rows.get(("hit", exhibit["hit"])) != digest:
        problems.append(f"hit {exhibit['hit']} is not as the ledger has it")


def fields(pairs):
    return "".join(f"{name}: {value}\n" for name, value in pairs)


bodies = dict(records("captures.warc.gz"))
for capture in manifest["captures"]:
    milliseconds = capture["fetched_at_ms"]
    offset = capture["clock_offset_s"]
    identity = parts(
        "capture/1", capture["requested"], capture["url"], fields(capture["request_headers"]), capture["route"],
        capture["status"], fields(capture["headers"]), milliseconds, "" if offset is None else offset,
        capture["body_sha256"], capture["body_bytes"], capture["tool"],
    )
    if identity != capture["id"] or rows.get(("capture", identity)) != capture["body_sha256"]:
        problems.append(f"capture {capture['id']} is not as the ledger has it")
    if hashlib.sha256(bodies.get(capture["id"], b"")).hexdigest() != capture["body_sha256"]:
        problems.append(f"the body of capture {capture['id']} is not in captures.warc.gz as it was captured")

for problem in problems:
    print("PROBLEM:", problem)
print(f"{len(manifest['files'])} files, {number} rows of the ledger, {len(manifest['exhibits'])} hits, "
      f"{len(manifest['captures'])} captures:", "BROKEN" if problems else "whole")
sys.exit(1 if problems else 0)
