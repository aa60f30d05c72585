"""What the lints share: the files of the tree, and C++ text with comments and strings blanked."""
import os
import re

SKIPPED = {".git", "build", "data", "node_modules", "__pycache__", ".cache"}


def files(root, *endings):
    """Paths relative to the root, sorted; only those with one of the endings, if any is given."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in names:
            if not endings or name.endswith(endings):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def read(root, path):
    """The text of a file; empty for one that went away or is not text."""
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


_token = re.compile(
    r"""//[^\n]*(?:\\\n[^\n]*)*                       # line comment
      | /\*.*?\*/                                     # block comment
      | (?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"   # raw string
      | "(?:\\.|[^"\\\n])*"                           # string
      | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'          # character, not the ' of 1'000
    """,
    re.S | re.X,
)


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """Comments as spaces, strings kept; every position and line stays."""
    return _token.sub(lambda m: _spaces(m[0]) if m[0].startswith("/") else m[0], text)


def bare(text):
    """Comments, strings and preprocessor lines as spaces; quotes stay, so that a string is still an operand."""

    def blank(match):
        found = match[0]
        if found.startswith("/"):
            return _spaces(found)
        return '"' + _spaces(found[1:-1]) + '"'

    text = _token.sub(blank, text)
    return re.sub(r"(?m)^[ \t]*#(?:[^\n\\]|\\[^\n]|\\\n)*", lambda m: _spaces(m[0]), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def report(name, problems):
    """Prints the problems and gives the exit code."""
    for problem in problems:
        print(problem)
    print(f"{name}: {len(problems)} problems" if problems else f"{name}: ok")
    return 1 if problems else 0
