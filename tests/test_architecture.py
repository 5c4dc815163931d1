"""The order of the package: what each part may touch and import, and that nothing goes in circles."""

import ast
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from io import StringIO
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "reconciler"

# Each part, a module or a folder of the package, in its layer. A layer imports itself and those before it.
LAYERS = {
    "pure": {
        *("audit", "banlist", "bans", "denylist", "errors", "escape", "guardrails", "plan", "redaction", "rooms"),
        *("starter", "state", "verdicts", "views", "yamltext"),
    },
    "effects": {
        *("atomic", "auditing", "aws", "chatlogs", "ci", "doctor", "editing", "enforce", "git", "git_objects"),
        *("history", "lanes", "operating_system", "provisional", "publishers", "publishing", "reading", "sandbox"),
        *("sources", "stores"),
    },
    "shell": {"__init__", "__main__", "cli"},
}

# What runs without the rest, so that it can be copied somewhere else: it imports nothing of the package, and nothing
# imports it. As it has to be one file, it may be longer than others.
ALONE = {"gate": 700}

# How large things may grow, so that each can be read in one sitting; a `noqa` is an exception from the rules of ruff.
LIMITS = {"lines of a module": 400, "lines of a function": 60, "noqa in the package": 15}

# What the pure layer leaves to others: the clock, randomness, files, processes, the network, the terminal.
NOT_PURE = {
    *("boto3", "botocore", "click", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading"),
    "time",
}
IMPURE_CALL = re.compile(
    r"\.now\(|today\(|uuid4|environ|(?<![\w.])(open|print)\(|\.open\(|\.(read|write)_(text|bytes)\("
)


def name_of(path: Path) -> str:
    """The name of a module below `reconciler`: `plan.diff`, and `plan` for `plan/__init__.py`."""
    steps = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(steps[:-1] if steps[-1] == "__init__" and len(steps) > 1 else steps)


SOURCES = {name_of(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    """Whatever is imported, also by functions; what is imported for type checking alone is not followed."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imported(node)


IMPORTS = {module: set(imported(ast.parse(source))) for module, source in SOURCES.items()}


def ours(names: Iterable[str]) -> set[str]:
    """The modules of the package among what is imported, such as `plan.diff` for `reconciler.plan.diff.diff`."""
    below = [name.removeprefix("reconciler").lstrip(".") for name in names if part(name) == "reconciler"]
    return {name if name in SOURCES else name.rpartition(".")[0] or "__init__" for name in below}


def outside(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names} - {"reconciler"}


def part(module: str) -> str:
    return module.partition(".")[0]


def circle(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Names that import each other round to the first, or none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


MODULES = {module: ours(names) for module, names in IMPORTS.items()}


def test_every_part_is_in_one_layer() -> None:
    parts = [*ALONE, *(name for layer in LAYERS.values() for name in layer)]
    assert sorted(parts) == sorted({part(module) for module in SOURCES})


def test_what_runs_alone_imports_nothing_of_the_package_and_nothing_imports_it() -> None:
    assert {module: MODULES[module] for module in ALONE} == {module: set() for module in ALONE}
    assert {module for module, others in MODULES.items() if others & ALONE.keys()} == set()
    beyond = {module: outside(IMPORTS[module]) - sys.stdlib_module_names for module in ALONE}
    assert beyond == {"gate": {"boto3", "botocore"}}


def test_imports_go_one_way() -> None:
    layer_of = {name: number for number, layer in enumerate(LAYERS.values()) for name in layer}
    upwards = [
        f"{module} imports {other}"
        for module, others in MODULES.items()
        for other in others
        if layer_of[part(other)] > layer_of[part(module)]
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(MODULES) == []


def test_no_folders_import_each_other_not_even_in_a_circle() -> None:
    parts: dict[str, set[str]] = {}
    for module, others in MODULES.items():
        parts.setdefault(part(module), set()).update(part(other) for other in others if part(other) != part(module))
    assert circle(parts) == []


def test_no_command_imports_another() -> None:
    commands = {module for module in SOURCES if module.startswith("cli.commands.")}
    assert len(commands) > 5
    assert {module: MODULES[module] & commands for module in commands if MODULES[module] & commands} == {}


def test_the_pure_layer_touches_nothing_outside() -> None:
    touches = {
        module: outside(IMPORTS[module]) & NOT_PURE | {match[0] for match in IMPURE_CALL.finditer(source)}
        for module, source in SOURCES.items()
        if part(module) in LAYERS["pure"]
    }
    assert {module: what for module, what in touches.items() if what} == {}


def test_only_the_shell_prints_and_asks_the_clock() -> None:
    quiet = {module: source for module, source in SOURCES.items() if part(module) not in LAYERS["shell"] | {"sandbox"}}
    assert [module for module, source in quiet.items() if "print(" in source or "datetime.now(" in source] == []


def test_boto3_is_known_to_few() -> None:
    users = {part(module) for module, names in IMPORTS.items() if outside(names) & {"boto3", "botocore"}}
    assert users == {"aws", "gate", "publishers", "sandbox"}


def test_no_module_is_long() -> None:
    lengths = {module: source.count("\n") for module, source in SOURCES.items()}
    limit = LIMITS["lines of a module"]
    assert {name: length for name, length in lengths.items() if length > ALONE.get(name, limit)} == {}


def test_no_function_is_long() -> None:
    lengths = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, source in SOURCES.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > LIMITS["lines of a function"]} == {}


def test_few_lines_are_exceptions_from_the_rules() -> None:
    exceptions = [
        f"{module}:{token.start[0]}: {token.string}"
        for module, source in SOURCES.items()
        for token in tokenize.generate_tokens(StringIO(source).readline)
        if token.type == tokenize.COMMENT and "noqa" in token.string
    ]
    assert len(exceptions) <= LIMITS["noqa in the package"], "\n".join(exceptions)
