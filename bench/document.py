"""docs/benchmarks.md: a head that never changes, and a section per figure, replaced when it is taken again."""

import os
import re

from demo.place import REPOSITORY
from figure import Figure
from machine import Machine
from stack.files import read_file, write_file

FILE = os.path.join(REPOSITORY, "docs", "benchmarks.md")
HEAD = """\
# Benchmarks

Written by `make bench`; nothing in it is typed by hand. `make bench ARGS=router` takes one figure (`router`, `provision`,
`fan-out`, `suspend`, `memory`), `--rounds N` another number of rounds. The scripts are in `bench/`. Each figure stands
up an installation of its own on loopback (three PostgreSQL servers, OpenBAO, `leasehold serve` with all roles, TLS and
`sslmode=verify-full` everywhere, as `make demo` has it) and removes it afterwards. What is compared is measured in one
run, in turns. Lost gates stand here like held ones; absolute numbers are those of the machine named below each figure.
"""


def put(figure: Figure, machine: Machine) -> None:
    old = read_file(FILE) or ""
    sections = {text.split("\n", 1)[0]: text for text in re.split(r"(?m)^## ", old)[1:]}
    sections[figure.title] = figure.text(machine).removeprefix("## ")
    write_file(FILE, HEAD + "".join("\n## " + text.rstrip("\n") + "\n" for text in sections.values()), 0o644)
