"""What the demo prints: a line as each step begins, what it shows as it happens, and its duration."""

import time
from collections.abc import Callable
from contextlib import contextmanager


class Report:
    def __init__(self, say: Callable[[str], None] = lambda line: print(line, flush=True)):
        self.say = say
        self.number = 0

    @contextmanager
    def step(self, title: str):
        self.number += 1
        begin = time.monotonic()
        self.say(f"{self.number:2}. {title}")
        yield self
        self.say(f"{'done in':>74} {time.monotonic() - begin:6.1f} s")

    def note(self, text: str) -> None:
        for line in text.rstrip("\n").split("\n"):
            self.say(f"      {line}")

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, *rows]:
            self.note("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
