#!/usr/bin/env python3
"""The pages stay true: files, make targets, subcommands, configuration keys and error codes that they name exist, and
docs/errors.md says of every code that is raised what the error table says.

lint_docs.py ROOT
"""
import glob
import os
import re
import sys

import source_tree

ERRORS = "docs/errors.md"
SUBCOMMANDS_LATER = set()  # named by a page before they exist: none
CODE_SPAN = re.compile(r"```.*?```|`[^`\n]+`", re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Codes whose kind stands elsewhere, or nowhere: by the call that says them, and where a route lists them.
SAID = re.compile(
    r'\b(?:login_refused|refusal_of|later|load_reference|refused_by_server|plain_answer|license_refusal)'
    r'[({](?:[^(){};"]*,)?\s*"([a-z0-9]+(?:_[a-z0-9]+)+)"'
    r'|\.code = "([a-z0-9]+(?:_[a-z0-9]+)+)"'
)
LISTED = re.compile(r"\.codes\(\{([^}]*)\}")
FACTS = re.compile(r"^(\w+) · HTTP (\d+) · SQLSTATE (\w{5}) · exit (\d+)\\?$", re.M)


# --- what exists ---------------------------------------------------------------------------------------------------

def make_targets(root):
    heads = re.findall(r"(?m)^([\w./ -]+?)\s*:(?!=)", source_tree.read(root, "Makefile"))
    return {name for head in heads for name in head.split()}


def subcommands(root):
    """Words that the command line knows: text literals of cli/."""
    known = set()
    for path in source_tree.files(root, ".cpp", ".hpp"):
        if path.startswith("cli/"):
            known |= set(re.findall(r'"([a-z][a-z-]+)"', source_tree.without_comments(source_tree.read(root, path))))
    return known


def config_keys(root):
    """Keys and sections of the reference file."""
    keys, open_sections = set(), []
    for line in source_tree.read(root, "deploy/leasehold.example.yaml").split("\n"):
        found = re.match(r"( *)([a-z_]+):", line)
        if found:
            del open_sections[len(found[1]) // 2 :]
            open_sections.append(found[2])
            keys.add(".".join(open_sections))
    return keys


def literals(root):
    """Every text literal of the product's own sources that looks like a name."""
    found = set()
    for path in source_tree.files(root, ".cpp", ".hpp"):
        if not path.startswith(("tests/", "bench/")):
            found |= set(re.findall(r'"([a-z][a-z0-9_.]*)"', source_tree.without_comments(source_tree.read(root, path))))
    return found


def raised_codes(root):
    """code -> kind ("" where it is not said) -> where, of all errors that the sources make."""
    found = {}
    for path in source_tree.files(root, ".cpp", ".hpp"):
        if path.startswith(("tests/", "bench/")) or path == "base/src/error.cpp":
            continue
        text = source_tree.without_comments(source_tree.read(root, path))
        pairs = [(m[2], m[1], m.start()) for m in re.finditer(r'error_kind::(\w+)\s*,\s*(?:std::string\(\s*)?"([a-z][a-z0-9_]*)"', text)]
        pairs += [(m[1], m[2], m.start()) for m in re.finditer(r'"([a-z][a-z0-9]*_[a-z0-9_]*)"\s*,\s*error_kind::(\w+)(?!\s*,\s*"[a-z0-9]+(?:_[a-z0-9]+)+")\b', text)]
        pairs += [(m[1], "invalid", m.start()) for m in re.finditer(r'"(secret_file_\w+)"', text)]
        pairs += [(m[1], "invalid", m.start()) for m in re.finditer(r'\bfail\(\s*(?:code\.empty\(\) \? )?"([a-z]+_[a-z_]+)"', text)]
        if path == "base/src/license.cpp":
            pairs += [(m[1], "unlicensed", m.start()) for m in re.finditer(r'(?:refuse\(\s*|license_refusal\{\s*)"(license_\w+)"', text)]
        pairs += [(m[1] or m[2], "", m.start()) for m in SAID.finditer(text)]
        pairs += [(code, "", m.start()) for m in LISTED.finditer(text) for code in re.findall(r'"(\w+)"', m[1])]
        for code, kind, at in pairs:
            found.setdefault(code, {}).setdefault(kind, f"{path}:{source_tree.line_of(text, at)}")
    return found


def error_table(root):
    """The facts of a kind and code, as base/src/error.cpp has them."""
    text = source_tree.read(root, "base/src/error.cpp")
    kinds = {m[1]: (m[2], m[3], m[4]) for m in re.finditer(r'\{error_kind::(\w+), "\w+", (\d+), "(\w{5})", (\d+),', text)}
    codes = {m[1]: (m[2], m[3], m[4]) for m in re.finditer(r'code_row\{\s*"(\w+)", (\d+), "(\w*)", (\d+)\}', text)}

    def facts(kind, code):
        of_kind, own = kinds[kind], codes.get(code, ("0", "", "0"))
        return tuple(mine if mine not in ("0", "") else general for mine, general in zip(own, of_kind))

    return kinds, facts


# --- docs/errors.md ------------------------------------------------------------------------------------------------

def skeleton(kind, code, facts):
    status, sqlstate, exit_code = facts(kind, code)
    return f"{kind} · HTTP {status} · SQLSTATE {sqlstate} · exit {exit_code}"


def error_problems(root, known_literals):
    kinds, facts = error_table(root)
    raised = raised_codes(root)
    sections = {}
    problems = []
    parts = re.split(r"(?m)^### `?([a-z0-9_]+)`?\n", source_tree.read(root, ERRORS))
    for code, body in zip(parts[1::2], parts[2::2]):
        if code in sections:
            problems.append(f"{ERRORS}: {code} is there twice")
        sections[code] = re.split(r"(?m)^## ", body)[0]
    for code, where in sorted(raised.items()):
        if code in kinds and code not in sections:
            continue  # a kind's own name, where there is nothing more to say
        for kind, place in where.items():
            if kind == "" and code not in sections:
                problems.append(f"{place}: {ERRORS} has no section `### {code}`")
            if kind not in kinds:
                continue
            line = skeleton(kind, code, facts)
            if code not in sections:
                problems.append(f"{place}: {ERRORS} has no section `### {code}` with `{line}`")
            elif line not in sections[code]:
                problems.append(f"{place}: the section {code} of {ERRORS} lacks `{line}`")
    for code, body in sections.items():
        if code not in raised and code not in known_literals:
            problems.append(f"{ERRORS}: {code} is raised nowhere")
        lines = FACTS.findall(body)
        for kind, *rest in lines:
            if kind not in kinds or tuple(rest) != facts(kind, code):
                problems.append(f"{ERRORS}: {code}: the line of kind {kind} is not what the error table says")
            elif set(raised.get(code, ())) - {""} and kind not in raised[code]:
                problems.append(f"{ERRORS}: {code} is never raised as {kind}")
        if not lines and set(raised.get(code, ())) != {""}:
            problems.append(f"{ERRORS}: {code}: no line `kind · HTTP n · SQLSTATE x · exit n`")
        if not re.search(r"(?m)^Fix: \S", body):
            problems.append(f"{ERRORS}: {code}: no line that begins with `Fix: `")
    return problems


# --- pages ---------------------------------------------------------------------------------------------------------

class known_names:
    def __init__(self, root):
        self.root = root
        self.folders = {name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))} - source_tree.SKIPPED
        self.make = make_targets(root)
        self.commands = subcommands(root)
        self.keys = config_keys(root)
        self.sections = {key for key in self.keys if "." not in key}
        self.literals = literals(root)
        self.anchors = set(re.findall(r"(?m)^### `?([a-z0-9_]+)`?$", source_tree.read(root, ERRORS)))

    def has_file(self, path):
        if glob.glob(os.path.join(self.root, path)):
            return True
        module, _, header = path.partition("/")  # base/task.hpp, as it is included
        return bool(header) and os.path.exists(os.path.join(self.root, module, "include/leasehold", path))


def span_problems(span, known):
    words = span.strip("`")
    found = []
    for target in re.findall(r"(?:^|[\s;&(])make(?: +-\S+| +\w+=\S*)* +([a-z][a-z-]*)", words):
        if target not in known.make:
            found.append(f"there is no make target {target}")
    for command in re.findall(r"(?:^|[\s;&(/])leasehold(?: +--(?:config|profile|server|key|tenant|timeout) +\S+| +--?\S+)* +([a-z][a-z-]+)(?=[\s`]|$)", words, re.M):
        if known.commands and command not in known.commands | SUBCOMMANDS_LATER:
            found.append(f"there is no subcommand {command}")
    for path in re.findall(r"(?<![\w/.:~$-])((?:[\w-]+/)+[\w.*-]*)(?![\w/{<])", words):
        if path.split("/")[0] in known.folders and not known.has_file(path):
            found.append(f"there is no file {path}")
    if "\n" not in words:
        for key in re.findall(r"(?<![\w./-])([a-z_]+(?:\.[a-z_]+)+)(?![\w./(-])", words):
            if key.split(".")[0] in known.sections and key not in known.keys and key not in known.literals:
                if not re.search(r"\.(?:[ch]pp|py|sh|md|ya?ml|json|sql|pem|jws|txt|log|cmake|hcl)$", key):
                    found.append(f"there is no configuration key {key}")
    return found


def page_problems(path, text, known):
    problems = []
    for span in CODE_SPAN.finditer(text):
        line = source_tree.line_of(text, span.start())
        problems += [f"{path}:{line}: {what}" for what in span_problems(span[0], known)]
    for code in re.finditer(r"\bcodes? ((?:`[a-z0-9_]+`(?:, | and | or )?)+)", text):
        for name in re.findall(r"`([a-z0-9_]+)`", code[1]):
            if name not in known.anchors:
                problems.append(f"{path}:{source_tree.line_of(text, code.start())}: {ERRORS} has no code {name}")
    for link in LINK.finditer(re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)):
        line = source_tree.line_of(text, link.start())
        target, _, anchor = link[1].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not known.has_file(file):
            problems.append(f"{path}:{line}: there is no file {file}")
        elif file == ERRORS and anchor and re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", anchor) and anchor not in known.anchors:
            problems.append(f"{path}:{line}: {ERRORS} has no code {anchor}")
    return problems


def main():
    root = sys.argv[1]
    known = known_names(root)
    problems = error_problems(root, known.literals)
    for path in source_tree.files(root, ".md"):
        problems += page_problems(path, source_tree.read(root, path), known)
    return source_tree.report("lint_docs", problems)


if __name__ == "__main__":
    sys.exit(main())
