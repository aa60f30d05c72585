"""Takes the figures of docs/benchmarks.md, each on an installation of its own that is gone afterwards.

    /usr/bin/python3 bench [FIGURE...] [--rounds N] [--only-print]
"""

import argparse
import os
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The demo's binary and folder are chosen when its modules are loaded.
os.environ.setdefault("LEASEHOLD_DEMO_BINARY", os.path.join(REPOSITORY, "build", "release", "bin", "leasehold"))
os.environ["LEASEHOLD_DEMO_FOLDER"] = os.path.join(REPOSITORY, "build", "bench")
sys.path.insert(1, os.path.join(REPOSITORY, "tools"))

import document  # noqa: E402
import fan_out  # noqa: E402
import memory  # noqa: E402
import provision  # noqa: E402
import router_vs_pgbouncer  # noqa: E402
import suspend  # noqa: E402
from demo.error import DemoError, tell_failure  # noqa: E402
from machine import Machine  # noqa: E402
from stack.error import StackError  # noqa: E402
from stand import standing  # noqa: E402

FIGURES = {"router": router_vs_pgbouncer, "provision": provision, "fan-out": fan_out, "suspend": suspend, "memory": memory}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.split("\n")[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="of " + ", ".join(FIGURES) + "; all when none is named")
    parser.add_argument("--rounds", type=int, default=0, help="instead of each figure's own number")
    parser.add_argument("--only-print", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    unknown = set(options.figures) - set(FIGURES)
    if unknown:
        parser.error("no such figure: " + ", ".join(sorted(unknown)))
    return options


def main() -> int:
    options = parse()
    try:
        for name in options.figures or FIGURES:
            machine = Machine()  # now: its load is that of this figure
            with standing() as stand:
                figure = FIGURES[name].measure(stand, options.rounds)
            print(figure.text(machine), flush=True)
            if not options.only_print:
                document.put(figure, machine)
    except (DemoError, StackError) as failed:
        tell_failure(failed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
