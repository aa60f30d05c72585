#!/usr/bin/env python3
"""Nothing in the tree names the machine it was made on, and its words are the project's own.

lint_words.py ROOT
"""
import re
import sys

import source_tree

ITSELF = "tools/lint_words.py"
TEXT = (".md", ".hpp", ".cpp", ".py", ".sh", ".txt", ".yaml", ".yml", ".json", ".cmake", ".sql", ".hcl", ".js", ".mjs")
NAMES = ("Makefile", ".ci/run")

PLACES = re.compile(r"(?<![\w.$}/-])/(?:work|home/\w+|root|Users/\w+)/")
# In pages and examples; the word that the product uses instead. (Code has its own technical words.)
WORDS = [
    (re.compile(r"\bworkspaces?\b", re.I), "tenant"),
    (re.compile(r"\bdynamic credentials?\b|\bephemeral credentials?\b", re.I), "lease"),
    (re.compile(r"\b(?:blacklist|whitelist)\w*\b", re.I), "refuse or allow"),
    (re.compile(r"\bendpoint agent\b", re.I), "agent"),
]
FILE_NAMES = re.compile(r"(?:^|[/_-])(?:managers?|utils?|common|helpers?|misc)(?:[._-][^/]*)?\.[ch]pp$")


def check(path, text):
    problems = []
    if FILE_NAMES.search(path):
        problems.append(f"{path}: a file is named after the one noun it defines")
    for number, line in enumerate(text.split("\n"), 1):
        if PLACES.search(line):
            problems.append(f"{path}:{number}: names a folder of one machine")
        for word, instead in WORDS:
            found = word.search(line)
            if found and path.endswith((".md", ".yaml")):
                problems.append(f"{path}:{number}: '{found[0]}': the product's word is {instead}")
    return problems


CASES = [
    ("docs/a.md", "see /ho" + "me/joe/x", 1), ("docs/a.md", "see /etc/leasehold and tests/wo" + "rk/x", 0),
    ("docs/a.md", "each workspace", 1), ("router/src/a.hpp", "each workspace", 0),
    ("docs/a.md", "a server of its own", 0),
    ("base/src/string_util.cpp", "", 1), ("base/src/utility_pole.cpp", "", 0), ("router/src/lease_manager.hpp", "", 1),
]


def main():
    problems = [f"wrong about: {text!r} in {path}" for path, text, wanted in CASES if len(check(path, text)) != wanted]
    if problems:
        return source_tree.report("lint_words: its own cases", problems)
    root = sys.argv[1]
    for path in source_tree.files(root, *TEXT, *NAMES):
        if path != ITSELF:
            problems += check(path, source_tree.read(root, path))
    return source_tree.report("lint_words", problems)


if __name__ == "__main__":
    sys.exit(main())
