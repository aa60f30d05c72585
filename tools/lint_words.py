#!/usr/bin/env python3
"""Nothing in the tree names the machine it was made on or a text that is not in it, and its words are the project's own.

lint_words.py ROOT
"""
import re
import sys

import source_tree

ITSELF = "tools/lint_words.py"
TEXT = (".md", ".hpp", ".cpp", ".py", ".sh", ".txt", ".yaml", ".yml", ".json", ".cmake", ".sql", ".hcl", ".js", ".mjs")
NAMES = ("Makefile", ".ci/run", ".clang-tidy")

PLACES = re.compile(r"(?<![\w.$}/-])/(?:work|home/\w+|root|Users/\w+)/")
# In pages and examples; the word that the product uses instead. (Code has its own technical words.)
WORDS = [
    (re.compile(r"\bworkspaces?\b", re.I), "tenant"),
    (re.compile(r"\bdynamic credentials?\b|\bephemeral credentials?\b", re.I), "lease"),
    (re.compile(r"\b(?:blacklist|whitelist)\w*\b", re.I), "refuse or allow"),
    (re.compile(r"\bendpoint agent\b", re.I), "agent"),
]
# A paragraph of a document is one of this repository (page and heading: see HEADINGS) or of a standard.
ELSEWHERE = re.compile(r"(?<!RFC \d{4} )§|\bdesign \d\d\b|\bdocs/style\b")
HEADINGS = re.compile(r"(docs/[\w-]+\.md), \"([^\"]+)\"")
FILE_NAMES = re.compile(r"(?:^|[/_-])(?:managers?|utils?|common|helpers?|misc)(?:[._-][^/]*)?\.[ch]pp$")


def check(path, text, page=lambda name: ""):
    """`page` gives the text of a page that another file refers to."""
    problems = []
    if FILE_NAMES.search(path):
        problems.append(f"{path}: a file is named after the one noun it defines")
    for number, line in enumerate(text.split("\n"), 1):
        if PLACES.search(line):
            problems.append(f"{path}:{number}: names a folder of one machine")
        if found := ELSEWHERE.search(line):
            problems.append(f"{path}:{number}: '{found[0]}' refers to a text outside this repository")
        for name, heading in HEADINGS.findall(line):
            if not re.search(rf"(?m)^#+ {re.escape(heading)}$", page(name)):
                problems.append(f"{path}:{number}: {name} has no heading {heading}")
        for word, instead in WORDS:
            found = word.search(line)
            if found and path.endswith((".md", ".yaml")):
                problems.append(f"{path}:{number}: '{found[0]}': the product's word is {instead}")
    return problems


CASES = [
    ("docs/a.md", "see /ho" + "me/joe/x", 1), ("docs/a.md", "see /etc/leasehold and tests/wo" + "rk/x", 0),
    ("docs/a.md", "each workspace", 1), ("router/src/a.hpp", "each workspace", 0),
    ("docs/a.md", "a server of its own", 0),
    ("base/src/a.hpp", "// As 07-router §3.2 has it.", 1), ("base/src/a.hpp", "// RFC 7677 §3", 0),
    ("base/src/a.hpp", "// design 04", 1), ("base/src/a.hpp", "// docs/style", 1),
    ("base/src/a.hpp", '// docs/b.md, "Two"', 0), ("base/src/a.hpp", '// docs/b.md, "Three"', 1),
    ("base/src/string_util.cpp", "", 1), ("base/src/utility_pole.cpp", "", 0), ("router/src/lease_manager.hpp", "", 1),
]


def main():
    problems = [f"wrong about: {text!r} in {path}" for path, text, wanted in CASES
                if len(check(path, text, lambda name: "# One\n## Two\n")) != wanted]
    if problems:
        return source_tree.report("lint_words: its own cases", problems)
    root = sys.argv[1]
    for path in source_tree.files(root, *TEXT, *NAMES):
        if path != ITSELF:
            problems += check(path, source_tree.read(root, path), lambda name: source_tree.read(root, name))
    return source_tree.report("lint_words", problems)


if __name__ == "__main__":
    sys.exit(main())
