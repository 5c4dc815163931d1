"""A release: whether its version, its tag and the changelog agree, what the changelog says of it, and the next version.

    python3 .ci/release.py check                        every file names the version of the package
    python3 .ci/release.py check v0.1.0 --on main       and so do the tag and the changelog; it is on the branch
    python3 .ci/release.py notes v0.1.0                 the changelog's section, for the page of the release
    python3 .ci/release.py prepare 0.2.0                write the version where it is named, and head the changelog

It needs nothing but Python, so that a workflow can run it before anything is installed.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "reconciler/__init__.py"
CHANGELOG = "CHANGELOG.md"

VERSION = r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
_NUMBERS = r"(?P<version>\d+(?:\.\d+)*\w*)"

# Where a version is named: the files, and what the line looks like. Each has to be there at least once.
PINS = (
    ((PACKAGE,), rf'^__version__ = "{_NUMBERS}"$'),
    (("README.md", "docs/ci.md"), rf"\bivschat-reconciler(?:\[\w+\])?=={_NUMBERS}"),
    (("docs/examples/gitlab/.gitlab-ci.yml",), rf"\bivschat-reconciler=={_NUMBERS}$"),
    (("docs/list.md",), rf"^ +rev: v{_NUMBERS}$"),
    (
        ("docs/examples/github/*.yml", "reconciler/ci/*.yml"),
        rf"\buses: (?!actions/|aws-actions/)[\w.-]+/[\w.-]+@[0-9a-f]{{40}} # v{_NUMBERS}$",
    ),
)

# A section reaches to the next heading of its level, or to the end.
_SECTION = re.compile(
    r"^## \[(?P<name>[^\]\n]+)\](?P<rest>[^\n]*)\n(?P<text>.*?)(?=^## |\Z)", flags=re.MULTILINE | re.DOTALL
)
UNRELEASED = "Unreleased"


class NotReady(Exception):
    """What keeps a release from being made, a line for each reason."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A place that names the version."""

    path: str
    line: int
    version: str


@dataclass(frozen=True, slots=True)
class Section:
    """What the changelog says of a version; `rest` is what follows the version in the heading."""

    name: str
    rest: str
    text: str


def pins(root: Path) -> Iterator[Pin]:
    """Every place under a folder that names the version.

    Raises:
        NotReady: A kind of place is missing, such as the line of the package.
    """
    for patterns, expression in PINS:
        found = [
            Pin(str(path.relative_to(root)), text.count("\n", 0, match.start()) + 1, match["version"])
            for pattern in patterns
            for path in sorted(root.glob(pattern))
            for text in [path.read_text(encoding="utf-8")]
            for match in re.finditer(expression, text, flags=re.MULTILINE)
        ]
        if not found:
            raise NotReady(f"No version is named in {' or '.join(patterns)}: nothing there matches {expression}")
        yield from found


def sections(changelog: str) -> list[Section]:
    """The sections of a changelog, newest first."""
    return [Section(found["name"], found["rest"], found["text"].strip()) for found in _SECTION.finditer(changelog)]


def version_of(tag: str) -> str:
    """The version that a tag stands for.

    Raises:
        NotReady: It stands for none.
    """
    if re.fullmatch(f"v{VERSION}", tag) is None:
        raise NotReady(f"The tag {tag!r} is none of a release: that is v and three numbers, such as v0.1.0.")
    return tag.removeprefix("v")


def notes(root: Path, version: str) -> str:
    """What the changelog says of a version, for a page that shows each line break: an entry is one line.

    Raises:
        NotReady: It says nothing.
    """
    for section in sections((root / CHANGELOG).read_text(encoding="utf-8")):
        if section.name == version and section.text:
            return re.sub(r"\n +(?! |[-*] )", " ", section.text)
    raise NotReady(f"{CHANGELOG} says nothing about {version}: `make release VERSION={version}` heads its section.")


def check(root: Path, tag: str | None = None) -> str:
    """Compare the places that name the version, and a tag and the changelog with it.

    Returns:
        The version.

    Raises:
        NotReady: They disagree. Everything that is wrong is said at once.
    """
    named = list(pins(root))
    ours = next(pin.version for pin in named if pin.path == PACKAGE)
    wrong = [
        f"{pin.path}:{pin.line} names {pin.version}, and {PACKAGE} {ours}." for pin in named if pin.version != ours
    ]
    if tag is not None:
        version = version_of(tag)
        if version != ours:
            wrong.append(f"The tag is {tag}, and {PACKAGE} says {ours}.")
        wrong += _wrong_in_changelog(sections((root / CHANGELOG).read_text(encoding="utf-8")), version)
    if wrong:
        raise NotReady("\n".join(wrong))
    return ours


def _wrong_in_changelog(found: list[Section], version: str) -> Iterator[str]:
    if any(section.name == UNRELEASED and section.text for section in found):
        yield f"{CHANGELOG} has changes under {UNRELEASED}: they belong to {version}, or are not in it."
    released = [section for section in found if section.name != UNRELEASED]
    if not released or released[0].name != version:
        newest = released[0].name if released else "none"
        yield f"The newest version in {CHANGELOG} is {newest}, not {version}."
        return
    if not released[0].text:
        yield f"{CHANGELOG} says nothing about {version}."
    try:
        date.fromisoformat(released[0].rest.removeprefix(" - "))
    except ValueError:
        yield f"The heading of {version} in {CHANGELOG} needs a date: ## [{version}] - 2027-01-31"


def prepare(root: Path, version: str, *, today: date) -> list[str]:
    """Write a version where it is named, and put what is unreleased under a heading of its own.

    Returns:
        The files that changed.

    Raises:
        NotReady: It is no version, the changelog has nothing unreleased, or it has the version already.
    """
    if re.fullmatch(VERSION, version) is None:
        raise NotReady(f"{version!r} is no version: that is three numbers, such as 0.2.0.")
    before = (root / CHANGELOG).read_text(encoding="utf-8")
    said = {section.name: section.text for section in sections(before)}
    if version in said:
        raise NotReady(f"{CHANGELOG} has a section for {version} already.")
    if not said.get(UNRELEASED):
        raise NotReady(f"{CHANGELOG} has nothing under {UNRELEASED}.")
    list(pins(root))
    head = f"## [{UNRELEASED}]\n"
    after = {CHANGELOG: before.replace(head, f"{head}\n## [{version}] - {today.isoformat()}\n", 1)}
    for patterns, expression in PINS:
        for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
            name = str(path.relative_to(root))
            text = after.get(name) or path.read_text(encoding="utf-8")
            after[name] = re.sub(expression, lambda match: _renamed(match, version), text, flags=re.MULTILINE)
    changed = [name for name, text in after.items() if text != (root / name).read_text(encoding="utf-8")]
    for name in changed:
        (root / name).write_text(after[name], encoding="utf-8", newline="")
    return sorted(changed)


def _renamed(match: re.Match[str], version: str) -> str:
    start, end = (at - match.start() for at in match.span("version"))
    return match[0][:start] + version + match[0][end:]


def require_on(branch: str, root: Path) -> None:
    """Require that what is checked out is part of a branch: that it was reviewed, and is not some other commit.

    Raises:
        NotReady: It is not, or git does not know the branch.
    """
    done = subprocess.run(
        ["git", "merge-base", "--is-ancestor", "HEAD", branch], cwd=root, check=False, capture_output=True, text=True
    )
    if done.returncode:
        why = done.stderr.strip() or "its commit was never merged"
        raise NotReady(f"The tag is not on {branch}: {why}.")


def main(arguments: list[str]) -> int:
    """Do what the command line says, and give the exit code: 1 if the release cannot be made as it is."""
    parser = argparse.ArgumentParser(prog="release.py", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    checks = commands.add_parser("check", help="do the version, a tag and the changelog agree?")
    checks.add_argument("tag", nargs="?")
    checks.add_argument("--on", metavar="BRANCH", help="the branch that the tag has to be on")
    commands.add_parser("notes", help="what the changelog says of a tag").add_argument("tag")
    commands.add_parser("prepare", help="write a version where it is named").add_argument("version")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "check":
            version = check(ROOT, chosen.tag)
            if chosen.on:
                require_on(chosen.on, ROOT)
            print(f"{version}: everything that names the version agrees.")
        elif chosen.command == "notes":
            print(notes(ROOT, version_of(chosen.tag)))
        else:
            changed = prepare(ROOT, chosen.version, today=datetime.now(UTC).date())
            print(f"{chosen.version} is written into {', '.join(changed)}. docs/releasing.md says how to go on.")
    except NotReady as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
