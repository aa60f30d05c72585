"""pgbench, and what it tells."""

import re
import subprocess
from dataclasses import dataclass

from demo.error import DemoError
from demo.program import clean_environment
from stack.files import write_file
from stand import Stand

SCRIPT = "\\set aid random(1, 100000)\nselect :aid;\n"


@dataclass(frozen=True)
class Load:
    transactions: int
    per_second: float


def pgbench_command(stand: Stand, uri: str, seconds: int, clients: int, protocol: str = "simple") -> list[str]:
    script = stand.place.path("select.pgbench")
    write_file(script, SCRIPT)
    return [stand.client("pgbench"), "-n", "-c", str(clients), "-j", "1", "-T", str(seconds), "-M", protocol, "-f", script, uri]


def run_pgbench(stand: Stand, uri: str, seconds: int, protocol: str, clients: int = 20) -> Load:
    done = subprocess.run(pgbench_command(stand, uri, seconds, clients, protocol), env=clean_environment(),
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    count = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode != 0 or not count or not rate:
        raise DemoError(f"pgbench ended with {done.returncode}: {done.stderr.strip()[-800:]}", stand.place.log("serve"))
    return Load(int(count[1]), float(rate[1]))
