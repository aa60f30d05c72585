#!/usr/bin/env python3
"""docs/acceptance.md is one table of every promise; what it calls done has tests that exist.

lint_acceptance.py ROOT
"""
import re
import sys

import source_tree

PAGE = "docs/acceptance.md"
HEAD = ["row", "promise", "test", "state"]
ROWS = {"P": 17, "G": 17, "W": 22, "H": 20, "B": 29, "C": 24}
TEST = re.compile(r"\b(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")


def tests_of(root):
    """Names of all tests, plain and with their suite, and per file."""
    names, by_file = set(), {}
    for path in source_tree.files(root, ".cpp"):
        if path.startswith("tests/"):
            found = TEST.findall(source_tree.without_comments(source_tree.read(root, path)))
            by_file[path] = {name for _, name in found}
            names |= {name for _, name in found} | {f"{suite}.{name}" for suite, name in found}
    return names, by_file


def test_problem(row, test, names, by_file):
    if "/" in test:
        if test not in by_file:
            return f"there is no file {test}"
        if not any(name.startswith(f"{row}_") for name in by_file[test]):
            return f"no test of {test} begins with {row}_"
        return None
    if test not in names:
        return f"there is no test {test}"
    if not test.split(".")[-1].startswith(f"{row}_"):
        return f"the name of {test} does not begin with {row}_"
    return None


def check(text, names, by_file):
    problems, seen = [], []
    tables = re.findall(r"(?m)(?:^\|.*\n?)+", text)
    if len(tables) != 1:
        return [f"{PAGE}: must hold exactly one table, not {len(tables)}"]
    lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in tables[0].strip().split("\n")]
    if lines[0] != HEAD:
        problems.append(f"{PAGE}: the table's head must be | {' | '.join(HEAD)} |")
    for cells in lines[2:]:
        if len(cells) != 4:
            problems.append(f"{PAGE}: {cells[0]}: a row has four cells")
            continue
        row, promise, tests, state = cells
        seen.append(row)
        named = [one.strip().strip("`") for one in re.split(r",|<br>", tests) if one.strip().strip("`") not in ("", "–")]
        if not promise:
            problems.append(f"{PAGE}: {row}: no promise")
        if state != "done" and not re.match(r"open: \S", state):
            problems.append(f"{PAGE}: {row}: the state is `done` or `open: why`")
        if state == "done" and not named:
            problems.append(f"{PAGE}: {row}: done, but no test is named")
        for test in named:
            wrong = test_problem(row, test, names, by_file)
            if wrong:
                problems.append(f"{PAGE}: {row}: {wrong}")
    wanted = [f"{letter}{number}" for letter, count in ROWS.items() for number in range(1, count + 1)]
    problems += [f"{PAGE}: {row} is missing" for row in wanted if row not in seen]
    problems += [f"{PAGE}: {row} is no row of the design, or there twice" for row in seen if row not in wanted or seen.count(row) > 1]
    return problems


def check_itself():
    names, by_file = {"P3_Works", "A.P3_Works"}, {"tests/a_test.cpp": {"P3_Works"}}
    head = "| row | promise | test | state |\n|---|---|---|---|\n"
    wanted = [f"{letter}{number}" for letter, count in ROWS.items() for number in range(1, count + 1)]

    def page(p3):
        return head + "".join(f"| {row} | x | – | open: y |\n" if row != "P3" else p3 + "\n" for row in wanted)

    cases = [
        ("| P3 | x | `P3_Works` | done |", 0), ("| P3 | x | A.P3_Works, tests/a_test.cpp | done |", 0),
        ("| P3 | x | – | done |", 1), ("| P3 | x | P3_Gone | done |", 1), ("| P3 | x | tests/b_test.cpp | done |", 1),
        ("| P3 | x | – | open: |", 1), ("| P3 | x | – | mostly done |", 1), ("| P99 | x | – | open: y |", 2),
    ]
    return [f"wrong about: {line}" for line, count in cases if len(check(page(line), names, by_file)) != count]


def main():
    problems = check_itself()
    if problems:
        return source_tree.report("lint_acceptance: its own cases", problems)
    root = sys.argv[1]
    problems = check(source_tree.read(root, PAGE), *tests_of(root))
    return source_tree.report("lint_acceptance", problems)


if __name__ == "__main__":
    sys.exit(main())
