"""Searches a zip of tables for literals, as one would in Python: zipfile and pyahocorasick.

usage: zipped.py LITERALS ARCHIVE
"""
import sys
import zipfile

import ahocorasick

literals, archive = sys.argv[1:]
automaton = ahocorasick.Automaton()
with open(literals, encoding="utf-8") as lines:
    for line in lines:
        automaton.add_word(line.strip(), line.strip())
automaton.make_automaton()
with zipfile.ZipFile(archive) as packed:
    for name in packed.namelist():
        with packed.open(name) as member:
            tail = ""
            while chunk := member.read(1 << 20):
                text = tail + chunk.decode("utf-8", "replace")
                cut = text.rfind("\n") + 1
                for end, value in automaton.iter(text[:cut]):
                    print(name, end, value[:6])
                tail = text[cut:]
