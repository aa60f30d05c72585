"""What goes wrong in the demo, as people are told it."""

import sys


class DemoError(Exception):
    """A step that did not do what it should. `log` names a file that says more."""

    def __init__(self, what: str, log: str = ""):
        super().__init__(what)
        self.log = log


def tell_failure(failed: Exception) -> None:
    """What failed, and the file that says more where there is one, on standard error."""
    print(f"error: {failed}", file=sys.stderr)
    if getattr(failed, "log", ""):
        print(f"log:   {failed.log}", file=sys.stderr)
