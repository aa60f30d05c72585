#!/usr/bin/env python3
"""Who may include and call what. Targets hide modules from each other; this hides system libraries.

lint_includes.py ROOT
"""
import re
import sys

import source_tree

# What is named, where it may stand, and why.
INCLUDES = [
    (r"<pqxx", ("database/src/", "tests/unit/database/"), "libpqxx belongs to database/src"),
    (r"<boost/beast", ("http/src/", "tests/unit/http/"), "Beast belongs to http/src"),
    (r"<boost/asio\.hpp>", (), "the whole of Asio costs seconds a file: include its parts"),
    (r"<spdlog", ("base/src/", "tests/unit/base/"), "log through base/log.hpp"),
    (r"<CLI/", ("cli/",), "CLI11 belongs to cli"),
    (r"<yaml-cpp", ("base/src/", "tests/unit/base/"), "configuration is read in base/src"),
]
CALLS = [
    (r"\b(?:std::)?(?:secure_)?getenv\s*\(|\benviron\b", ("cli/main.cpp", "tests/", "bench/"), "the environment is read in cli/main.cpp"),
    (r"\bdetached\b", (), "what is spawned detached fails unseen: spawn(lane, name, task)"),
]
# Modules that a module may include besides itself; docs/architecture.md draws the same.
MAY_INCLUDE = {
    "base": set(),
    "database": {"base"},
    "http": {"base"},
    "vault-client": {"base", "http"},
    "registry": {"base", "database"},
    "migrations": {"base", "database"},
    "router": {"base", "database", "http", "registry", "vault-client"},
    "control-plane": {"base", "database", "http", "vault-client", "registry", "migrations", "router"},
    "agent": {"base", "http"},
}
SQL = re.compile(
    r"^\s*(?:select\s+\S.*\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s"
    r"|(?:create|alter|drop)\s+(?:table|role|user|database|schema|index|function|extension|view)\s"
    r"|(?:grant|revoke)\s+\S+.*\s(?:on|to|from)\s|with\s+\w+\s+as\s*\()",
    re.I | re.S,
)
SQL_STANDS = (
    "registry/", "migrations/", "router/agents/", "database/src/", "tests/", "bench/",
    "control-plane/src/servers/",  # what provisioning does to a server
    "router/src/server/verification.cpp",  # what a session must show before it serves
    "control-plane/src/tenant_data.cpp",  # what the API reads of a tenant, through the router
)
STRING = re.compile(r'(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\((?P<raw>.*?)\)(?P=mark)"|"(?P<plain>(?:\\.|[^"\\\n])*)"', re.S)


def include_problems(path, line):
    named = re.match(r"\s*#\s*include\s*([<\"][^>\"]+[>\"])", line)
    if not named:
        return []
    found = [why for what, where, why in INCLUDES if re.match(what, named[1]) and not path.startswith(where)]
    if path.startswith("router/wire/") and re.match(r"<boost/asio|<leasehold/base/task", named[1]):
        found.append("router/wire does no input and output: neither Asio nor base/task.hpp")
    if "/include/" in path and re.match(r"<boost/beast|<pqxx|<openssl", named[1]):
        found.append("this type stays out of public headers")
    module, other = path.split("/")[0], re.match(r"<leasehold/([^/]+)/", named[1])
    if other and module in MAY_INCLUDE and other[1] != module and other[1] not in MAY_INCLUDE[module]:
        found.append(f"{module} may not include {other[1]}")
    return found


def check(path, text):
    problems = []
    code = source_tree.without_comments(text)
    for number, line in enumerate(code.split("\n"), 1):
        problems += [f"{path}:{number}: {why}" for why in include_problems(path, line)]
    blanked = source_tree.bare(text)
    for what, where, why in CALLS:
        if not path.startswith(where):
            problems += [f"{path}:{source_tree.line_of(blanked, m.start())}: {why}" for m in re.finditer(what, blanked)]
    if not path.startswith(SQL_STANDS):
        for literal in STRING.finditer(code):
            if SQL.match(literal["raw"] if literal["raw"] is not None else literal["plain"]):
                problems.append(f"{path}:{source_tree.line_of(code, literal.start())}: SQL does not stand here")
    return problems


CASES = [
    ("router/src/a.cpp", "#include <pqxx/pqxx>\n", 1),
    ("database/src/a.cpp", "#include <pqxx/pqxx>\n", 0),
    ("router/src/a.cpp", "// #include <pqxx/pqxx>\n", 0),
    ("router/wire/src/a.cpp", "#include <leasehold/base/task.hpp>\n", 1),
    ("agent/src/a.cpp", "#include <leasehold/registry/tenants.hpp>\n", 1),
    ("agent/src/a.cpp", "auto x = std::getenv(\"A\");\n", 1),
    ("agent/src/a.cpp", "log(\"getenv( detached\"); // detached\n", 0),
    ("agent/src/a.cpp", "co_spawn(a, b, asio::detached);\n", 1),
    ("cli/a.cpp", "run(\"select id from registry_tenant \");\n", 1),
    ("cli/a.cpp", "print(\"select a tenant\"); print(\"update the row\");\n", 0),
    ("cli/a.cpp", "run(R\"(\n  update t set x = 1\n)\");\n", 1),
    ("registry/src/a.cpp", "run(\"delete from t where x\");\n", 0),
]


def main():
    problems = [f"wrong about: {text!r} in {path}" for path, text, wanted in CASES if len(check(path, text)) != wanted]
    if problems:
        return source_tree.report("lint_includes: its own cases", problems)
    root = sys.argv[1]
    for path in source_tree.files(root, ".hpp", ".cpp"):
        if not path.startswith("tests/compile-fail/"):
            problems += check(path, source_tree.read(root, path))
    return source_tree.report("lint_includes", problems)


if __name__ == "__main__":
    sys.exit(main())
