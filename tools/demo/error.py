"""What goes wrong in the demo, as people are told it."""


class DemoError(Exception):
    """A step that did not do what it should. `log` names a file that says more."""

    def __init__(self, what: str, log: str = ""):
        super().__init__(what)
        self.log = log
