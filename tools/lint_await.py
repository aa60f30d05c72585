#!/usr/bin/env python3
"""An await stands alone: GCC 12 miscompiles coroutines in which it does not (docs/architecture.md, "Coroutines").

An await is a whole statement, the initialiser of a named variable (or of a range-for), or the operand of co_return. Its
statement holds no second await, no ?:, no brace outside the body of a lambda, and no lambda that captures by value.
Not seen: args(s) of an aggregate; give types that travel a constructor.

lint_await.py ROOT    checks every C++ file below ROOT, after checking itself
"""
import re
import sys

import source_tree

BODY_BEFORE = re.compile(
    r"(?:[;{}]|\)|\b(?:else|do|try|mutable|noexcept|const|override|final)|[^:]:|\)\s*(?:mutable|noexcept|\s)*->[^;{}=]*|^)\s*$"
)
CONTROL = re.compile(r"\s*(?:else\b|do\b|case\b[^;{}?]*?[^:]:(?!:)|default\s*:|\[\[\w+\]\])")
CONTROL_WITH_HEAD = re.compile(r"\s*(?:if|for|while|switch)\b\s*(?:constexpr\b\s*)?\(")
DECLARATION = re.compile(
    r"^\s*(?:\[\[[\w\s,]+\]\]\s*)?(?:(?:static|const|constexpr|thread_local|volatile)\s+)*"
    r"[A-Za-z_:][\w:]*(?:<.*>)?(?:::\w+)*\s*(?:const\b)?\s*[&*]*\s*(?:(?<=[\s&*>])[A-Za-z_]\w*|\[[\w\s,]+\])\s*=\s*$",
    re.S,
)
OPENING, CLOSING = "([{", ")]}"


def matching(text, at):
    """The position of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in OPENING:
            depth += 1
        elif text[i] in CLOSING:
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


def open_lambda(text, at):
    """For the `[` at `at`: (captures, position of the body's brace), or None where it is no lambda."""
    before = text[:at].rstrip()
    if before and (before[-1] in ")]\"" or (before[-1].isalnum() or before[-1] == "_") and not re.search(r"\b(?:return|co_return|co_await|co_yield|throw)$", before)):
        return None
    if text[at : at + 2] == "[[" or before.endswith("["):
        return None
    end = matching(text, at)
    head = re.compile(r"\s*(?:<[^;{}()]*>\s*)?(\()?").match(text, end + 1)
    after = matching(text, head.end() - 1) + 1 if head[1] else end + 1
    body = re.compile(r"\s*(?:mutable\b|noexcept\b|constexpr\b|\s)*(?:->[^;{}]*?)?\{").match(text, after)
    return (text[at + 1 : end], body.end() - 1) if body else None


def start_of_statement(text, at):
    """(start, opening): where the statement of the await begins, and the innermost unclosed ( or [ or initialiser {."""
    depth, enclosing = 0, None
    for i in range(at - 1, -1, -1):
        c = text[i]
        if c in ")]":
            depth += 1
        elif c in "([":
            if depth == 0:
                enclosing = i if enclosing is None else enclosing
            else:
                depth -= 1
        elif c == "}":
            if depth == 0 and enclosing is None:
                return i + 1, None
            depth += 1
        elif c == "{":
            if depth > 0:
                depth -= 1
            elif BODY_BEFORE.search(text[max(0, i - 400) : i]):
                return i + 1, enclosing
            else:
                enclosing = i if enclosing is None else enclosing
        elif c == ";" and depth == 0:
            if enclosing is None:
                return i + 1, None
            # A ; inside parentheses is that of a for or if head: the statement began before it.
            if text[enclosing] != "(":
                return i + 1, enclosing
            if i > enclosing:
                continue
            return i + 1, enclosing
    return 0, enclosing


def without_control(prefix):
    """The prefix without `if (…)`, `else`, `case x:` and the like that stand before the statement proper."""
    while True:
        head = CONTROL_WITH_HEAD.match(prefix)
        if head:
            end = matching(prefix, head.end() - 1)
            if end == len(prefix) - 1 and prefix[end] != ")":
                return prefix
            prefix = prefix[end + 1 :]
            continue
        word = CONTROL.match(prefix)
        if not word:
            return prefix
        prefix = prefix[word.end() :]


def end_of_expression(text, at, stop_at_head):
    depth = 0
    for i in range(at, len(text)):
        c = text[i]
        if c in OPENING:
            depth += 1
        elif c in CLOSING:
            if depth == 0:
                return i
            depth -= 1
        elif c == ";" and depth == 0:
            return i
    return len(text)


def place_problem(text, start, enclosing, at):
    prefix = without_control(text[start:at])
    if enclosing is None:
        if not prefix.strip() or prefix.strip() == "co_return" or DECLARATION.match(prefix):
            return None
        return "is not a statement of its own, the initialiser of a named variable or the operand of co_return"
    before = text[start:enclosing].rstrip()
    inside = text[enclosing + 1 : at]
    if text[enclosing] == "(":
        if re.search(r"\bfor$", before) and re.match(r"^[^;]*[^:]:\s*$", inside):
            return None
        if re.search(r"\b(?:if|switch|if\s+constexpr)$", before) and DECLARATION.match(inside):
            return None
    return "stands inside an expression"


def expression_problems(expression):
    found, i = [], 0
    while i < len(expression):
        c = expression[i]
        opened = open_lambda(expression, i) if c == "[" else None
        if opened:
            captures, body = opened
            if any(not re.match(r"^(?:&\s*\w*|this|&\s*\w+\s*=.*)?$", one.strip(), re.S) for one in captures.split(",")):
                found.append("has a lambda that captures by value")
            i = matching(expression, body) + 1
            continue
        if c == "{":
            found.append("has a brace in its statement")
        if c == "?":
            found.append("has a ?: in its statement")
        if re.compile(r"\bco_await\b").match(expression, i) and (i == 0 or not (expression[i - 1].isalnum() or expression[i - 1] == "_")):
            found.append("is not the only one of its statement")
        i += 1
    return sorted(set(found))


def check(source):
    """(line, problem) of every await in the text."""
    text = source_tree.bare(source)
    found = []
    for await_at in re.finditer(r"\bco_await\b", text):
        at = await_at.start()
        start, enclosing = start_of_statement(text, at)
        wrong = place_problem(text, start, enclosing, at)
        problems = [wrong] if wrong else []
        end = end_of_expression(text, await_at.end(), enclosing is not None)
        problems += expression_problems(text[await_at.end() : end])
        if wrong:
            # What stands before the await in its statement belongs to it, too.
            before = without_control(text[start:at])
            problems += [p for p in expression_problems(before) if "?:" in p]
        found += [(source_tree.line_of(text, at), problem) for problem in problems]
    return found


BAD = [
    "co_await f([s] { use(s); });",
    "co_await f([s = std::move(s)] { use(s); });",
    "co_await f([=] { use(s); });",
    "co_await f([this, s] { use(s); });",
    "co_await run(std::function<void()>([s] { use(s); }));",
    "co_await co_spawn(co_await this_coro::executor, [s]() -> task<void> { co_return; }, use_awaitable);",
    "const auto x = co_await f({.name = s});",
    "co_await f(args{s});",
    "co_await f(std::array{s, s});",
    "co_await repo{s}.get();",
    'co_await f({"a", "b"});',
    "co_await f(json{{1, 2}});",
    "auto x = c ? co_await f(s) : g;",
    'auto x = (co_await f()) ? string("a") : g;',
    'co_await f(c ? string("x") : a + b);',
    "if (co_await f()) g();",
    "while (co_await f()) g();",
    "switch (co_await f()) { default: break; }",
    "if (x && co_await f()) g();",
    "g(co_await f());",
    "x = co_await f();",
    "auto x = co_await f() + co_await g();",
    "auto x = 1 + co_await f();",
    "return_value(co_await f());",
    "auto x = T{co_await f()};",
    "EXPECT_EQ(co_await f(), 1);",
    "for (auto& r : g(co_await f())) use(r);",
    "co_return T{co_await f()};",
    "co_return co_await f(T{s});",
    "if (ready) co_await f(c ? a : b);",
    "for (int i = 0; i < co_await f(); ++i) g();",
]
GOOD = [
    "co_await f();",
    "co_await f(std::move(key));",
    "const bool exists = co_await domains.exists(std::move(key));",
    "auto& x = co_await f(a, 1, \"text? {x}\");",
    "const std::vector<std::pair<int, int>> x = co_await f();",
    "auto [failed, size] = co_await f();",
    "[[maybe_unused]] const auto x = co_await f();",
    "if (exists) co_await pool.run([&](transaction& tx) { forget(tx, name); });",
    "else co_await f();",
    "if (auto x = co_await f(); x) g();",
    "for (auto& r : co_await f()) use(r);",
    "for (const auto& [key, value] : co_await f()) use(key);",
    "for (int i = 0; i < 3; ++i) co_await f(i);",
    "while (!done) co_await f();",
    "case kind::one: co_await f(); break;",
    "co_return co_await f(x);",
    "co_return co_await pool_.run([&](transaction& tx) { auto row = tx.find_one(q, {1}); return c ? a : b; });",
    "co_await f(s + s);",
    "co_await f(std::optional<std::string>(s));",
    "co_await f(std::pair(a, b));",
    "co_await f(std::string(s), std::vector<int>(3));",
    "co_await f([this] { g(); });",
    "co_await f([&a, &b](int x) mutable -> int { return {}; });",
    "co_await f([] { return T{}; });",
    "co_return T{x, y};",
    "auto work = [s] { use(s); }; co_await f(std::move(work));",
    "auto work = [&]() -> task<void> { co_await f(); co_return; }; co_await work();",
    "spawn(lane, \"x\", [&]() -> task<void> { const auto x = co_await f(); use(x); });",
    "// co_await f({1});\nco_await f();",
    "try { co_await f(); } catch (const error& e) { note(e); }",
    "const char* x = \"co_await f({1})\"; co_await f(1'000);",
    "auto socket = co_await acceptor.async_accept(redirect_error(use_awaitable, failed));",
    "co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);",
]


def check_itself():
    broken = [f"not found: {case}" for case in BAD if not check("task<void> f()\n{\n    " + case + "\n}\n")]
    for case in GOOD:
        wrong = check("task<void> f()\n{\n    " + case + "\n}\n")
        if wrong:
            broken.append(f"false alarm: {case}: {wrong[0][1]}")
    return broken


def main():
    problems = check_itself()
    if problems:
        return source_tree.report("lint_await: its own cases", problems)
    root = sys.argv[1]
    for path in source_tree.files(root, ".hpp", ".cpp"):
        text = source_tree.read(root, path)
        if "co_await" in text and not path.startswith("tests/compile-fail/"):
            problems += [f"{path}:{line}: the await {problem}" for line, problem in check(text)]
    return source_tree.report("lint_await", problems)


if __name__ == "__main__":
    sys.exit(main())
