"""`reconciler fmt`: writes ban lists in their canonical form."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

import reconciler
from reconciler import escape
from reconciler.atomic import replace_file
from reconciler.cli import console
from reconciler.cli.options import FilePath, Misuse, examples, option
from reconciler.cli.progress import busy
from reconciler.cli.workspace import Workspace, with_list
from reconciler.errors import BanListError, BanListInvalid, BanListUnreadable, BanListUnwritable
from reconciler.reading import MAX_LIST, MEBIBYTE
from reconciler.views.unified_diff import unified

_STDIN: Final = "-"
_REFUSED: Final = (
    "`fmt {}` prints the list itself and cannot redact it; `fmt --check` names the files that would change."
    " To print it anyway, unset RECONCILER_REDACT."
)


@dataclass(frozen=True, slots=True)
class _Formatted:
    """A file that is to be formatted, and what it holds; `name` is for messages."""

    path: str
    name: str
    content: bytes
    formatted: bytes

    @property
    def changes(self) -> bool:
        return self.formatted != self.content


@click.command(
    "fmt", epilog=examples("reconciler fmt", "reconciler fmt --check", "reconciler fmt --sort bans.d/raid.yaml")
)
@click.argument("files", nargs=-1, type=FilePath(), metavar="[FILE]...")
@option("--check", is_flag=True, help="Write nothing; exit with 1 when a file would change, and name it.")
@option("--diff", is_flag=True, help="Write nothing; print what would change.")
@option("--sort", is_flag=True, help="Sort the bans by user ID; comments go with their entry.")
@with_list
def command(workspace: Workspace, files: tuple[str, ...], check: bool, diff: bool, sort: bool) -> int:
    """Rewrite ban lists in their canonical form, with as few changes as possible.

    Quotes user IDs that other YAML tools would take for a number, a time or a truth value, makes line ends uniform, and
    removes spaces at the ends of lines. Comments, blank lines and order stay, and the meaning of the list never
    changes. A list with problems is left as it is.

    FILE is a ban list, or a file with only `bans` that a list includes; - reads standard input and prints. Without
    FILE, formats the ban list of -f and the files that it includes. With --redact, problems quote nothing from the
    list, and --diff, which does, is refused.
    """
    if workspace.redact and (diff or (_STDIN in files and not check)):
        raise Misuse(_REFUSED.format("--diff" if diff else _STDIN))
    paths = files or _files_of(workspace)
    with nullcontext() if _STDIN in paths else busy("Formatting"):
        read, failed = _read(paths, sort=sort)
    if failed:
        return _report(failed, workspace)
    if diff:
        _show(read)
    if check:
        return _check(read)
    if not diff:
        _write(read)
    return 0


def _files_of(workspace: Workspace) -> Sequence[str]:
    """A list and the files that it includes; it has to be sound as a whole."""
    if workspace.file == _STDIN:
        return [_STDIN]
    return [workspace.file, *workspace.ban_list.included]


def _read(paths: Sequence[str], *, sort: bool) -> tuple[list[_Formatted], list[BanListError]]:
    """Every file with its canonical form, or why it has none; nothing is written before all are read."""
    read: list[_Formatted] = []
    failed: list[BanListError] = []
    for path in {path if path == _STDIN else os.path.realpath(path): path for path in paths}.values():
        try:
            read.append(_formatted(path, sort=sort))
        except BanListError as error:
            failed.append(error)
    return read, failed


def _formatted(path: str, *, sort: bool) -> _Formatted:
    name = "<stdin>" if path == _STDIN else path
    content = _stdin() if path == _STDIN else reconciler.read_file(path)
    return _Formatted(path, name, content, reconciler.format_content(content, name, sort=sort))


def _stdin() -> bytes:
    content = sys.stdin.buffer.read(MAX_LIST + 1)
    if len(content) > MAX_LIST:
        raise BanListUnreadable(f"<stdin>: the ban list cannot be read: it is larger than {MAX_LIST // MEBIBYTE:,} MiB")
    return content


def _report(failed: Sequence[BanListError], workspace: Workspace) -> int:
    if len(failed) == 1:
        raise failed[0]
    for error in map(workspace.redact.error, failed):
        console.diagnostic(*map(str, error.problems if isinstance(error, BanListInvalid) else [error]))
    console.error(f"{len(failed)} files cannot be formatted. Nothing was done.")
    return 1


def _show(files: Iterable[_Formatted]) -> None:
    colour = console.wants_colour(sys.stdout)
    for file in files:
        with busy(f"Comparing {file.name}"):
            before, after = (content.decode() for content in (file.content, file.formatted))
            shown = unified(before, after, file.name, colour=colour)
        console.out(shown)


def _check(files: Iterable[_Formatted]) -> int:
    changing = [file.name for file in files if file.changes]
    if not changing:
        return 0
    console.diagnostic(*(f"{name} is not in its canonical form." for name in changing))
    files_, them = ("file", "it") if len(changing) == 1 else ("files", "them")
    console.error(f"{len(changing)} {files_} would change. To write {them}, leave --check out.")
    return 1


def _write(files: Sequence[_Formatted]) -> None:
    for file in files:
        if file.path == _STDIN:
            click.echo(file.formatted, nl=False)
        elif file.changes:
            _replace(file)
            console.say(f"{escape.line(file.name)} was changed.\n")
    if not any(file.changes or file.path == _STDIN for file in files):
        console.out("No changes.\n")


def _replace(file: _Formatted) -> None:
    if reconciler.read_file(file.path) != file.content:
        raise BanListUnwritable(
            f"{file.name} was changed by somebody else in the meantime, and is left as it is. Try again."
        )
    try:
        replace_file(Path(os.path.realpath(file.path)), file.formatted)  # behind a symbolic link, not the link
    except OSError as error:
        raise BanListUnwritable(f"{file.name} cannot be written, and is as it was: {error.strerror}") from error
