"""System calls of a process while something runs, counted by strace."""

import os
import re
import signal
import subprocess
from collections.abc import Callable

from demo.error import DemoError
from stack.files import read_file

STRACE = "/usr/bin/strace"


def system_calls(pid: int, folder: str, work: Callable[[], None]) -> int:
    """All its threads. strace stops a process at each call, so what `work` times in the meantime is worth nothing."""
    counts = os.path.join(folder, "strace.counts")
    tracer = subprocess.Popen([STRACE, "-f", "-c", "-o", counts, "-p", str(pid)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    attached = tracer.stderr.readline()
    if "attached" not in attached:
        tracer.wait()
        raise DemoError(f"strace of process {pid} does not start: {attached.strip()}")
    try:
        work()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
    total = re.search(r"(?m)^\s*100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s.*total$", read_file(counts) or "")
    if not total:
        raise DemoError("strace counted nothing")
    return int(total[1])
