"""Small files that hold secrets or facts."""

import os


def make_folder(path: str, mode: int = 0o700) -> None:
    """Makes the folder with all above it; the mode is set also when it was there."""
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)


def write_file(path: str, text: str, mode: int = 0o600) -> None:
    """Replaces the file as a whole: a reader sees the old text or the new one, and never with wider rights."""
    draft = f"{path}.new"
    try:
        os.unlink(draft)
    except FileNotFoundError:
        pass
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
        os.fchmod(out.fileno(), mode)
    os.rename(draft, path)


def read_file(path: str) -> str | None:
    """The text, or None when there is no such file."""
    try:
        with open(path, encoding="utf-8") as source:
            return source.read()
    except FileNotFoundError:
        return None
