#!/usr/bin/env python3
"""Changes single bytes of an export, one at a time, and has its checker look: tamper.py EXPORT ROUNDS SEED.

The checker is the export's own, loaded before anything is changed. Prints how many changes were made and every one that was
not found; ends with 1 if there is one.
"""
import importlib.util
import os
import pathlib
import random
import sys


def main():
    export, rounds, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    spec = importlib.util.spec_from_file_location("check", export / "check.py")
    check = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(check)
    chance = random.Random(seed)
    files = sorted(path for path in export.rglob("*") if path.is_file())
    assert check.Export(str(export)).check() == [], "the export is not whole to begin with"
    missed, per_file = [], {}
    for _ in range(rounds):
        path = chance.choice(files)
        whole = path.read_bytes()
        at, to = chance.randrange(len(whole)), chance.randrange(255)
        to = to if to < whole[at] else to + 1
        path.write_bytes(whole[:at] + bytes([to]) + whole[at + 1:])
        if not check.Export(str(export)).check():
            missed.append(f"{path.name} at {at}: {whole[at]} to {to}")
        path.write_bytes(whole)
        per_file[path.name] = per_file.get(path.name, 0) + 1
    assert check.Export(str(export)).check() == [], "the export is not whole any more"
    for text in missed:
        print("MISSED", text)
    print(f"{rounds} changes in {len(per_file)} files, {len(missed)} missed")
    return 1 if missed else 0


sys.exit(main())
