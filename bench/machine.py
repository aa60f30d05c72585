"""Where and from what a figure was taken."""

import os
import platform
import subprocess
from datetime import datetime, timezone

from demo.place import BINARY, REPOSITORY


class Machine:
    def __init__(self) -> None:
        self.began = datetime.now(timezone.utc)
        self.load = os.getloadavg()[0]

    def stamp(self) -> str:
        """Below each figure. The load before it is that of other work on the machine, after it also that of the figure."""
        return (f"Commit {commit()}, {build()} build, {self.began:%Y-%m-%d %H:%M} UTC, load {self.load:.1f} before and "
                f"{os.getloadavg()[0]:.1f} after on {os.cpu_count()} cores ({model()}), {memory()}, Linux {platform.release()}.")


def commit() -> str:
    """Of the clone that the script lies in, whose build it measures."""
    git = ["git", "-C", REPOSITORY]
    head = subprocess.run([*git, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "status", "--porcelain", "--", "*.cpp", "*.hpp", "*.sql"], capture_output=True,
                             text=True, check=False)
    return (head.stdout.strip() or "unknown") + (" with changes" if changed.stdout.strip() else "")


def build() -> str:
    """What CMake calls the build that the binary lies in."""
    cache = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(BINARY))), "CMakeCache.txt")
    return field(cache, "CMAKE_BUILD_TYPE:STRING=") or "unknown"


def model() -> str:
    return field("/proc/cpuinfo", "model name").lstrip("\t :") or platform.machine()


def memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def field(path: str, begin: str) -> str:
    """What follows the beginning of a line, in the first line that begins so."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return next((line[len(begin):].strip() for line in source if line.startswith(begin)), "")
    except OSError:
        return ""
