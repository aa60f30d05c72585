"""Running leasehold: commands that end, and processes that stay."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

from .error import DemoError
from .place import BINARY, REPOSITORY, Place


Tell = Callable[[str], None]  # gets a line


def clean_environment() -> dict[str, str]:
    """Without what make and PostgreSQL's clients would read from the caller."""
    unwanted = ("PG", "MAKE", "MFLAGS", "LEASEHOLD", "BAO_", "VAULT_")
    return {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}


def started_at(pid: int) -> str:
    """The kernel's start time of a process: with the pid it names one process for ever. Empty: no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return ""


def run_telling(tell: Tell, name: str, command: list[str], environment: dict[str, str]) -> None:
    said = []
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            said.append(line)
            if not line.startswith("{"):  # the log is for programs
                tell(line.rstrip("\n"))
    if process.returncode != 0:
        raise DemoError(f"{name} ended with {process.returncode}:\n{''.join(said[-20:])}")


class Program:
    """The binary with this demo's configuration, log folder and owner key."""

    def __init__(self, place: Place, ca_file: str):
        self.place = place
        self.environment = clean_environment() | {
            "LEASEHOLD_SERVER": place.url("api"),
            "LEASEHOLD_KEY": f"file:{place.owner_key_file}",
            "LEASEHOLD_CA": ca_file,
        }

    def run(self, *arguments: str, expect: int = 0, key_file: str = "", **more: str) -> subprocess.CompletedProcess:
        environment = self.environment | more
        if key_file:
            environment["LEASEHOLD_KEY"] = f"file:{key_file}"
        done = subprocess.run([BINARY, *arguments], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode != expect:
            raise DemoError(f"leasehold {' '.join(arguments)} ended with {done.returncode}, not {expect}:\n"
                            f"{done.stdout}{done.stderr}")
        return done

    def answer(self, *arguments: str, **more: str) -> dict:
        """The JSON a command prints."""
        return json.loads(self.run(*arguments, "--json", **more).stdout)

    def show(self, tell: Tell, *arguments: str) -> None:
        """Runs the binary and tells each line it says as it says it."""
        run_telling(tell, f"leasehold {' '.join(arguments)}", [BINARY, *arguments], self.environment)

    def make(self, tell: Tell, target: str, arguments: str = "", **more: str) -> None:
        """`make TARGET ARGS=…`, as a person types it, with the demo's configuration."""
        command = ["make", "--no-print-directory", target] + ([f"ARGS={arguments}"] if arguments else [])
        environment = clean_environment() | {"CONFIG": self.place.config_file, "LEASEHOLD": BINARY} | more
        run_telling(tell, f"make {target}", command, environment)

    def start(self, name: str, *arguments: str) -> dict:
        """A process that stays after us. Its pid and start time, so that nobody else's is ever ended."""
        with open(self.place.log(name), "ab") as log:
            process = subprocess.Popen([BINARY, *arguments], env=clean_environment(), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True, cwd=self.place.folder)
        return {"name": name, "pid": process.pid, "started": started_at(process.pid)}

    def wait_ready(self, process: dict, patience: float = 30) -> None:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.run_quietly("health", "--config", self.place.config_file):
                return
            if not started_at(process["pid"]) or has_ended(process):
                break
            time.sleep(0.1)
        raise DemoError("leasehold serve is not ready", self.place.log(process["name"]))

    def run_quietly(self, *arguments: str) -> bool:
        return subprocess.run([BINARY, *arguments], env=self.environment, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False).returncode == 0


def has_ended(process: dict) -> bool:
    try:
        if os.waitpid(process["pid"], os.WNOHANG)[0] != 0:
            return True
    except ChildProcessError:
        pass  # not our child: a demo of an earlier call started it
    return started_at(process["pid"]) != process["started"]


def end(process: dict, patience: float = 40) -> bool:
    """SIGTERM, then SIGKILL. False: it had ended before."""
    if has_ended(process):
        return False
    os.kill(process["pid"], signal.SIGTERM)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if has_ended(process):
            return True
        time.sleep(0.05)
    os.kill(process["pid"], signal.SIGKILL)
    return True
