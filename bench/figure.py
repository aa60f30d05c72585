"""What a measurement gives: one section of docs/benchmarks.md, which is also what is printed."""

import statistics
from dataclasses import dataclass, field

from machine import Machine


@dataclass
class Figure:
    title: str
    lines: list[str] = field(default_factory=list)

    def say(self, text: str = "") -> None:
        self.lines.append(text)

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        self.lines += [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)] + [""]

    def verdict(self, what: str, value: float, gate: float, unit: str = "", obstacle: str = "") -> None:
        """A lost gate is a result like any other; with an obstacle there is no verdict at all."""
        held = obstacle or ("held" if value <= gate else "LOST")
        self.say(f"- {what}: {value:.2f}{unit}, gate ≤ {gate:g}{unit}: **{held}**")

    def text(self, machine: Machine) -> str:
        return "\n".join([f"## {self.title}", "", *self.lines, "", machine.stamp(), ""])


def percentile(values: list[float], part: float) -> float:
    """The smallest value that at least this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(part * 100) // 100) - 1)]


def spread(values: list[float], digits: int = 2) -> str:
    return f"{min(values):.{digits}f}–{max(values):.{digits}f}"


median = statistics.median
