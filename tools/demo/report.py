"""What the demo prints: one line per step with its duration, tables, and what a step showed."""

import time
from contextlib import contextmanager


class Report:
    def __init__(self) -> None:
        self.number = 0
        self.notes: list[str] = []

    @contextmanager
    def step(self, title: str):
        """The line comes when the step has ended, what it noted below it."""
        self.number += 1
        self.notes = []
        begin = time.monotonic()
        yield self
        print(f"{self.number:2}. {title:<72} {time.monotonic() - begin:6.1f} s", flush=True)
        for note in self.notes:
            print(f"      {note}", flush=True)

    def note(self, text: str) -> None:
        self.notes += text.rstrip("\n").split("\n")

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, *rows]:
            self.notes.append("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
