"""demo.py up | stop | clean."""

import os
import shutil
import sys
import time

from stack.error import StackError
from stack.launcher import Launcher

from .error import DemoError, tell_failure
from .installation import Installation, stop_processes
from .place import BINARY, Place
from .report import Report

STEPS = (
    ("three PostgreSQL servers, TLS from a CA of their own", Installation.start_servers),
    ("OpenBAO, initialised and unsealed", Installation.start_broker),
    ("make migrate", Installation.migrate),
    ("make provision-bootstrap ARGS='--bao-token $BAO_TOKEN'", Installation.bootstrap),
    ("no license, no service; then a development license", Installation.license),
    ("leasehold serve --dev, all roles", Installation.serve),
    ("servers and two tenants, by command line", Installation.tenants),
    ("two agents, told where they belong by their tokens alone", Installation.agents),
    ("proof: whose rows are where", Installation.proof),
    ("refusals, each with its control", Installation.refusals),
    ("make migrate with a new tenant migration, then again", Installation.migrate_fleet),
    ("what to try next", Installation.what_next),
)


def up(place: Place) -> None:
    if not os.path.exists(BINARY):
        raise DemoError(f"{BINARY} is missing: run `make demo`")
    begin = time.monotonic()
    stop(place, quiet=True)
    place.make()
    # What an earlier demo made is made anew: its registry, broker and tenants belong together.
    with Launcher(place.folder) as stack:
        stack.clean()
    for name in os.listdir(place.folder):
        if name not in ("log", "stack.json", ".lock", "demo.json"):
            path = place.path(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    place.make()
    with Launcher(place.folder) as stack:
        known = {"ports": place.facts().get("ports", {})}
        installation = Installation(place, stack, known, Report())
        for title, step in STEPS:
            with installation.report.step(title):
                step(installation)
        installation.save_facts()
    print(f"    all of it: {time.monotonic() - begin:.1f} s")


def stop(place: Place, quiet: bool = False) -> None:
    ended = stop_processes(place.facts())
    if os.path.exists(place.path("stack.json")):
        with Launcher(place.folder, say=lambda line: None if quiet else print(line)) as stack:
            stack.down()
    if not quiet:
        for name in ended:
            print(f"{name}: stopped")


def clean(place: Place, quiet: bool = False) -> None:
    stop(place, quiet)
    if os.path.isdir(place.folder):
        with Launcher(place.folder) as stack:
            stack.clean()
        shutil.rmtree(place.folder)
    if not quiet:
        print("the demo is gone")


def main() -> int:
    actions = {"up": up, "stop": stop, "clean": clean}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        print("usage: demo.py up | stop | clean", file=sys.stderr)
        return 2
    try:
        actions[sys.argv[1]](Place())
    except (DemoError, StackError) as failed:
        tell_failure(failed)
        return 1
    return 0
