"""A process that outlives the launcher and is ended only if it is the one that was started."""

import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass

from .account import Account


def boot_id() -> str:
    """Process start times count from the boot, so a recorded one means nothing after the next."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
        return source.read().strip()


def _status(pid: int) -> tuple[str, int, int] | None:
    """State, parent and start time; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as source:
            # The name, in parentheses, may contain anything; the fields begin after the last one.
            fields = source.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1]), int(fields[19])


@dataclass(frozen=True)
class Process:
    """pid and start time together name one process for the time of a boot."""

    pid: int
    start: int

    @staticmethod
    def of(pid: int) -> "Process | None":
        status = _status(pid)
        return Process(pid, status[2]) if status else None

    def is_alive(self) -> bool:
        status = _status(self.pid)
        return status is not None and status[2] == self.start and status[0] not in "ZX"

    def children(self) -> list["Process"]:
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                status = _status(int(name))
                if status and status[1] == self.pid:
                    found.append(Process(int(name), status[2]))
        return found

    def _handle(self) -> int | None:
        """A descriptor for exactly this process, or None when it is gone: no pid can be reused under it."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if self.is_alive():
            return handle
        os.close(handle)
        return None

    def signal(self, number: int) -> bool:
        """False when the process is gone."""
        handle = self._handle()
        if handle is None:
            return False
        try:
            signal.pidfd_send_signal(handle, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)

    def wait(self, seconds: float) -> bool:
        """True when the process has ended within the time. Works for children and for others."""
        handle = self._handle()
        if handle is None:
            return True
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            return bool(poll.poll(max(0.0, seconds) * 1000))
        finally:
            os.close(handle)

    def end(self, signals: list[tuple[int, float]]) -> None:
        """Sends each signal in turn until the process has ended within the time given for it."""
        for number, seconds in signals:
            if not self.signal(number) or self.wait(seconds):
                return

    def kill_with_children(self) -> None:
        """As a power cut: the process first, so that it cannot replace a child, then its children."""
        children = self.children()
        self.end([(signal.SIGKILL, 10)])
        for child in children:
            child.end([(signal.SIGKILL, 10)])


def working_in(folder: str) -> list[Process]:
    """The processes whose working folder is this one: of our own, all that root or the caller may look at."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/cwd") == folder:
                found.append(Process.of(int(name)))
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return [process for process in found if process and process.is_alive()]


def spawn(account: Account, arguments: list[str], log_file: str, folder: str) -> tuple[subprocess.Popen, Process]:
    """Starts a process in a session of its own, output appended to the log file, in a clean environment."""
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            account.command(arguments), stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
            cwd=folder, env=account.environment(folder), start_new_session=True)
    finally:
        os.close(descriptor)
    process = Process.of(child.pid)
    assert process is not None  # it is our child and not yet waited for, so it is in /proc
    return child, process


def wait_until(condition, seconds: float, step: float = 0.02) -> bool:
    """Asks again and again until the condition is true or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(step)


def log_tail(log_file: str, start: int, lines: int = 12) -> str:
    """The last lines written since `start`, for the text of an error."""
    try:
        with open(log_file, encoding="utf-8", errors="replace") as source:
            source.seek(start)
            return "\n".join(source.read().splitlines()[-lines:])
    except FileNotFoundError:
        return ""
