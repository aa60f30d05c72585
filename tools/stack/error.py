"""The one exception that the launcher shows to people."""


class StackError(Exception):
    """Says what failed and, where known, how to fix it. Never contains a secret."""

    def __init__(self, what: str, fix: str = ""):
        super().__init__(what if not fix else f"{what}\nfix: {fix}")
