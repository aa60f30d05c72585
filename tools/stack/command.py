"""The command line of the launcher."""

import argparse
import json
import os
import sys
import time

from .error import StackError
from .launcher import PARTS, Launcher

DESCRIPTION = """\
Starts and ends the PostgreSQL servers and the OpenBAO broker of demo and tests.
FOLDER is the facts folder; stack.json in it says where everything is."""


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--folder", required=True, help="facts folder: stack.json, keys, log files")
    shared.add_argument("--tools", default="", help="where tools.sh put the test tools (default: build/tools)")
    shared.add_argument("--quiet", action="store_true", help="print nothing when all went well")

    parser = argparse.ArgumentParser(prog="stack.py", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    up = commands.add_parser("up", parents=[shared], help="make, start, reuse; safe to repeat")
    up.add_argument("--test", action=argparse.BooleanOptionalAction, default=None,
                    help="without fsync: faster, survives kill -9 but no power cut")
    up.add_argument("--fresh", action="store_true", help="first remove what an earlier run made")
    down = commands.add_parser("down", parents=[shared], help="end what was started; data stays")
    for command in (up, down):
        command.add_argument("--what", default="", help="parts by comma, default all: " + ",".join(PARTS))

    commands.add_parser("status", parents=[shared], help="what runs; exit 1 when something of it does not")
    commands.add_parser("clean", parents=[shared], help="end all and remove data, keys and facts; logs stay")

    broker = commands.add_parser("broker", parents=[shared], help="one action on the broker")
    broker.add_argument("action", choices=("start", "start-sealed", "stop", "kill", "seal", "unseal"))
    server = commands.add_parser("server", parents=[shared], help="one action on a PostgreSQL server")
    server.add_argument("action", choices=("start", "stop", "kill"))
    server.add_argument("name", choices=PARTS[:-1])

    psql = commands.add_parser("psql", parents=[shared], help="psql as superuser on the socket; its arguments after --")
    psql.add_argument("name", choices=PARTS[:-1])

    certificate = commands.add_parser("certificate", parents=[shared], help="one more certificate; prints its paths")
    certificate.add_argument("name")
    certificate.add_argument("--names", default="", help="alternative names by comma, e.g. DNS:other.example")
    return parser


def _act(stack: Launcher, options: argparse.Namespace) -> int:
    if options.command == "up":
        stack.up(_parts(options.what), options.test, options.fresh)
    elif options.command == "down":
        stack.down(_parts(options.what))
    elif options.command == "clean":
        stack.clean()
    elif options.command == "status":
        return _show(stack)
    elif options.command == "broker":
        _act_on_broker(stack, options.action)
    elif options.command == "server":
        {"start": stack.start, "stop": stack.stop, "kill": stack.kill}[options.action](options.name)
    elif options.command == "certificate":
        names = tuple(options.names.split(",")) if options.names else ()
        print(json.dumps(stack.certificate(options.name, names) if names else stack.certificate(options.name)))
    return 0


def _act_on_broker(stack: Launcher, action: str) -> None:
    if action == "start":
        stack.start("broker")
    elif action == "start-sealed":
        stack.start("broker", sealed=True)
    elif action == "stop":
        stack.stop("broker")
    elif action == "kill":
        stack.kill("broker")
    elif action == "seal":
        stack.broker.seal()
    else:
        stack.broker.open()


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _show(stack: Launcher) -> int:
    facts = stack.facts()
    if facts is None:
        print("no stack")
        return 1
    stack.refresh()
    facts = stack.facts()
    parts = [*facts["servers"], *([{"name": "broker", **facts["broker"]}] if facts["broker"] else [])]
    for part in parts:
        address = part.get("url") or f"{part['host']}:{part['port']}"
        state = f"pid {part['pid']}" if part["pid"] else "down"
        if part["name"] == "broker" and part["pid"] and not stack.broker.is_active():
            state += ", sealed"
        print(f"{part['name']:<9} {part['version'] or '':<8} {address:<26} {state}")
    return 0 if parts and all(part["pid"] for part in parts) else 1


def main() -> int:
    # What follows -- is psql's alone; argparse would read options in it.
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:end])
    begin = time.monotonic()
    say = (lambda line: None) if options.quiet else (lambda line: print(line, flush=True))
    try:
        if options.command == "status" and not os.path.isdir(options.folder):
            print("no stack")
            return 1
        stack = Launcher(options.folder, options.tools, say)
        if options.command == "psql":
            # Not under the lock: a session may last, and it changes nothing of the stack.
            command, environment = stack.psql_command(options.name, given[end + 1:])
            os.execve(command[0], command, environment)
        with stack:
            code = _act(stack, options)
        if options.command == "up":
            say(f"stack is up in {time.monotonic() - begin:.1f} s: {stack.facts_file}")
        return code
    except StackError as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
