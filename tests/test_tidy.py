"""House rules that a general linter doesn't know. Each rule is shown to fire on a sample that breaks it, and only there."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FUNCTION, LONGEST_MODULE = 60, 400
#: They read the clock and hand it down as an argument.
INTERFACES = {"admin", "api", "portal", "management", "views.py", "tasks.py", "webhooks.py", "config", "tests", "manage.py"}
MONEY = {"plans", "billing", "payments"}
CLOCKS = {"now", "utcnow", "today", "localdate", "localtime", "time", "time_ns"}
CLOCK_OWNERS = {"timezone", "datetime", "date", "time", "dt"}

Rule = Callable[[PurePosixPath, str], Iterator[str]]


def long_functions(path: PurePosixPath, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines; {LONGEST_FUNCTION} is the most"


def long_modules(path: PurePosixPath, text: str) -> Iterator[str]:
    length = len(text.splitlines())
    if length > LONGEST_MODULE:
        yield f"{path}: {length} lines; {LONGEST_MODULE} is the most"


def floats_near_money(path: PurePosixPath, text: str) -> Iterator[str]:
    if path.parts[0] not in MONEY:
        return
    for node in ast.walk(ast.parse(text)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        field = isinstance(node, ast.Attribute) and node.attr == "FloatField"
        if (literal or call or field) and not is_waiting(text, node):
            yield f"{path}:{node.lineno}: a float, where amounts and quantities are Decimal or Fraction"


def is_waiting(text: str, node: ast.AST) -> bool:
    """Seconds to sleep or to wait are no amounts."""
    line = text.splitlines()[getattr(node, "lineno", 1) - 1]
    return "sleep(" in line or "timeout" in line


def clock_below_interfaces(path: PurePosixPath, text: str) -> Iterator[str]:
    if INTERFACES & set(path.parts):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if name in CLOCK_OWNERS:
                yield f"{path}:{node.lineno}: {name}.{node.func.attr}() reads the clock; below the interfaces the time is an argument"


def hidden_saves(path: PurePosixPath, text: str) -> Iterator[str]:
    if "models" not in path.as_posix():
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name in {"save", "clean", "delete"}:
            yield f"{path}:{node.lineno}: {node.name}() on a model hides a rule; rules live in commands and pure functions"


def unfinished(path: PurePosixPath, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"\b(TODO|FIXME)\b", line):
            yield f"{path}:{number}: a marker of unfinished work belongs into an issue"


def places_of_one_machine(path: PurePosixPath, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"(?<![\w.*~-])/(home|work|opt|Users)/\w|--(extra-)?index-url|--find-links", line):
            yield f"{path}:{number}: a place that only one machine has"


PYTHON_RULES: tuple[Rule, ...] = (long_functions, long_modules, floats_near_money, clock_below_interfaces, hidden_saves)
TEXT_RULES: tuple[Rule, ...] = (unfinished, places_of_one_machine)

SAMPLES: list[tuple[Rule, str, str, str]] = [
    (long_functions, "plans/x.py", "def f():\n" + "    a = 1\n" * 60, "def f():\n" + "    a = 1\n" * 59),
    (long_modules, "plans/x.py", "a = 1\n" * 401, "a = 1\n" * 400),
    (floats_near_money, "billing/x.py", "price = 0.1", "price = Decimal('0.1')"),
    (floats_near_money, "billing/x.py", "price = float(text)", "price = Decimal(text)"),
    (floats_near_money, "plans/models.py", "price = models.FloatField()", "price = models.DecimalField()"),
    (clock_below_interfaces, "billing/engine.py", "at = timezone.now()", "at = request.at"),
    (clock_below_interfaces, "billing/engine.py", "at = datetime.datetime.now(UTC)", "at = datetime.datetime(2026, 1, 1)"),
    (clock_below_interfaces, "plans/x.py", "def f(at=date.today()): pass", "def f(at): pass"),
    (hidden_saves, "billing/models/x.py", "class A(Model):\n    def save(self): pass", "class A(Model):\n    def __str__(self): pass"),
    (unfinished, "docs/x.md", "TODO: explain", "What to do: explain"),
    (places_of_one_machine, "Makefile", "cd /home/me/billing", "cd ~/billing"),
    (places_of_one_machine, "requirements.lock", "--index-url https://example.org/simple", "django==5.2"),
]


def tracked_files() -> list[PurePosixPath]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    tracked = [name for name in listing.split("\0") if name]
    found = tracked or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [PurePosixPath(name) for name in found if (ROOT / name).is_file()]


@pytest.mark.parametrize(("rule", "path", "broken", "kept"), SAMPLES)
def test_the_rule_fires(rule: Rule, path: str, broken: str, kept: str) -> None:
    assert len(list(rule(PurePosixPath(path), broken))) == 1
    assert list(rule(PurePosixPath(path), kept)) == []


def test_every_rule_has_a_sample() -> None:
    assert {sample[0] for sample in SAMPLES} == {*PYTHON_RULES, *TEXT_RULES}


@pytest.mark.parametrize("rule", PYTHON_RULES)
def test_python_is_tidy(rule: Rule) -> None:
    files = [path for path in tracked_files() if path.suffix == ".py" and "migrations" not in path.parts]
    assert [finding for path in files for finding in rule(path, (ROOT / path).read_text())] == []


@pytest.mark.parametrize("rule", TEXT_RULES)
def test_text_is_tidy(rule: Rule) -> None:
    kinds = {".py", ".md", ".yaml", ".yml", ".html", ".toml", ".txt", ".in", ".lock", ".css", ".js", ""}
    mine = PurePosixPath("tests/test_tidy.py")
    files = [path for path in tracked_files() if path.suffix in kinds and "vendor" not in path.parts and path != mine]
    assert [finding for path in files for finding in rule(path, (ROOT / path).read_text(errors="replace"))] == []
