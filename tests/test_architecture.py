"""The borders between the parts: the shell imports effects, effects import the pure part, and never the other way."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "reconciler"

PURE = {
    "banlist", "bans", "errors", "escape", "guardrails", "plan", "redaction", "state", "views", "yamltext",
}  # fmt: skip
EFFECTS = {"atomic", "aws", "ci", "enforce", "git", "sandbox", "sources", "stores"}
SHELL = {"cli", "__main__", "__init__"}

# What the pure part leaves to others: the clock, randomness, files, processes, the network, the terminal.
NOT_PURE = {
    "boto3", "botocore",
    "click", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip
IMPURE_CALL = re.compile(
    r"\.now\(|today\(|uuid4|environ|(?<![\w.])(open|print)\(|\.open\(|\.(read|write)_(text|bytes)\("
)


def part(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> set[str]:
    """The modules that a module imports, functions' own imports included, type checking's not."""
    names: set[str] = set()
    tree = ast.parse(module.read_text())
    skipped = {
        id(inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inside in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


MODULES = sorted(PACKAGE.rglob("*.py"))


def test_every_module_belongs_to_one_part() -> None:
    assert {part(module) for module in MODULES} == PURE | EFFECTS | SHELL


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_imports_go_one_way(module: Path) -> None:
    ours = {name.split(".")[1] for name in imports(module) if name.startswith("reconciler.")}
    own = part(module)
    if own in PURE:
        assert not ours & (EFFECTS | SHELL)
    elif own in EFFECTS:
        assert not ours & SHELL


@pytest.mark.parametrize("module", [module for module in MODULES if part(module) in PURE], ids=lambda path: path.name)
def test_the_pure_part_touches_nothing_outside(module: Path) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & NOT_PURE
    assert not IMPURE_CALL.findall(module.read_text())


def test_only_the_shell_prints_and_asks_the_clock() -> None:
    for module in MODULES:
        if part(module) in EFFECTS - {"sandbox"}:
            assert "print(" not in module.read_text()
            assert "datetime.now(" not in module.read_text()


def test_boto3_is_known_to_few() -> None:
    users = {
        part(module) for module in MODULES if {"boto3", "botocore"} & {name.split(".")[0] for name in imports(module)}
    }
    assert users == {"aws", "sandbox", "stores"}
