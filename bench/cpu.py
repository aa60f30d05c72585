"""CPU time of a process, to the nanosecond."""

import os


def cpu_seconds(pid: int) -> float:
    """All its threads that live. /proc/PID/stat counts in ticks of 10 ms; this is the scheduler's own count."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as source:
            total += int(source.read().split()[0])
    return total / 1e9
