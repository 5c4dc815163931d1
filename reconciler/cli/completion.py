"""What the shell offers behind TAB, besides commands and options: addresses, rooms and files.

It is quick and silent: there is no network, no lock, no message, and no more than a second for each file.
"""

import os
import re
import shlex
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete, add_completion_class
from typing_extensions import override  # in typing since Python 3.12

import reconciler
from reconciler import escape
from reconciler.banlist.value import BanList
from reconciler.cli.options import Told
from reconciler.errors import ReconcilerError
from reconciler.state.value import State

MOST: Final = 100  # of what matches
SECONDS: Final = 1.0  # for the list, and again for the state

_VARIABLE: Final = re.compile(r"(?<!\\)[$`]")
_QUOTE: Final = {"'": "'", '"': '"'}
_SPECIAL: Final = {  # what a shell would not take as it is: behind no quote, and behind one that is open
    "": re.compile(r"[^\w./:@%+,=-]"),
    '"': re.compile(r'[$`"\\!]'),
    "'": re.compile("'"),
}


def addresses(context: click.Context, incomplete: str, *, listed: bool, recorded: bool) -> list[CompletionItem]:
    """The addresses that begin like this, as plans show them.

    Args:
        context: the command line up to here.
        incomplete: what has been typed, without its quotes.
        listed: offer the bans of the list.
        recorded: offer the bans of the state.
    """
    if _redacting(context):
        return []
    ban_list = _ban_list(context)
    keys = set(ban_list.bans if listed else ())
    if recorded:
        keys.update(_state(context, ban_list).records)
    names = ban_list.room_names
    return _items((f"{names.get(key.room_arn, key.room_arn)}/{escape.clear(key.user_id)}" for key in keys), incomplete)


def room_arns(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """The ARNs of the rooms of the list that begin like this."""
    return _items(_ban_list(context).rooms.values(), incomplete)


def _items(texts: Iterable[str], incomplete: str) -> list[CompletionItem]:
    found = sorted({text for text in texts if text.startswith(incomplete)})
    if len(found) > MOST:  # what all have in common, the first and the last have: a shell types it
        found[MOST - 1 :] = found[-1:]
    return [CompletionItem(text) for text in found]


def _redacting(context: click.Context) -> bool:
    """Whether `--redact` was asked for, also without its key."""
    given = context.get_parameter_source("redact") is click.core.ParameterSource.COMMANDLINE
    return given or bool(Told().redacting())


def _ban_list(context: click.Context) -> BanList:
    path = context.params.get("file") or "bans.yaml"
    with _at_most(SECONDS), suppress(ReconcilerError):
        return reconciler.load_ban_list(path)
    return BanList(path=path)


def _state(context: click.Context, ban_list: BanList) -> State:
    location = context.params.get("state") or ban_list.state_location
    if "://" not in location:
        with _at_most(SECONDS), suppress(ReconcilerError):
            return reconciler.load_state(location)
    return State()


class _TooLong(BaseException):
    """Reading takes longer than somebody waits behind TAB."""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Give up what takes longer, such as a pipe that nobody writes to. Windows has no alarm, and no such pipes."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def over(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLong:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _split(line: str) -> tuple[list[str], str]:
    """The words of a command line as far as it has been typed, and the quote that is still open."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # a quote is open, or an escape
        words.append(lexer.token)
        return words, _QUOTE.get(vars(lexer)["state"], "")
    return words, ""


def _whole(typed: str, value: str) -> str:
    """What takes the place of a word such as `--target=lob`, of which click completes only the end."""
    option, equals, _ = typed.partition("=")
    return f"{option}={value}" if equals and option.startswith("-") and not value.startswith("-") else value


@add_completion_class
class _Bash(BashComplete):
    """As click's, but also for values with spaces, quotes, backslashes and colons.

    Bash makes words of what stands between colons. Its `$2` is what it replaces, which may be only the end of a word.
    """

    source_template = r"""
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_FRAGMENT="$2" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    @override
    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE")
        if line is None:
            words, self._fragment, self._quote = _from_fragments()
        else:
            words, self._quote = _split(f"{line}|")  # with a sign, there is a last word after a space too
            words[-1] = words[-1].removesuffix("|")
            self._fragment = os.environ["COMP_FRAGMENT"]
        self._typed = words[-1]
        return words[1:-1], self._typed

    @override
    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Nothing where a variable is being typed: that is for bash itself."""
        return [] if _VARIABLE.search(self._fragment) else super().get_completions(args, incomplete)

    @override
    def format_completion(self, item: CompletionItem) -> str:
        if item.type != "plain":
            return super().format_completion(item)
        fragment = self._fragment if self._quote else "".join(_split(self._fragment)[0])
        rest = _whole(self._typed, item.value)[max(len(self._typed) - len(fragment), 0) :]
        return f"plain,{_SPECIAL[self._quote].sub(_escaped, rest)}"


def _from_fragments() -> tuple[list[str], str, str]:
    """The words, the end of the last one, and no quote, from what bash has for scripts that know nothing else."""
    text, number = os.environ["COMP_WORDS"], int(os.environ["COMP_CWORD"])
    fragments = [*(text.split("\n") if "\n" in text else _split(text)[0]), ""][: number + 1]
    words: list[str] = []
    joined = False
    for fragment in fragments:
        breaks = fragment != "" and not fragment.strip(":=")
        if words and fragment and (breaks or joined):
            words[-1] += fragment
        else:
            words.append(fragment)
        joined = breaks
    return words, "" if joined else fragments[-1], ""


@add_completion_class
class _Zsh(ZshComplete):
    """As click's, but `--option=value` keeps its beginning."""

    @override
    def get_completion_args(self) -> tuple[list[str], str]:
        args, self._typed = super().get_completion_args()
        return args, self._typed

    @override
    def format_completion(self, item: CompletionItem) -> str:
        item.value = _whole(self._typed, item.value)
        return super().format_completion(item)


@add_completion_class
class _Fish(FishComplete):
    """As click's, but also for values with commas, and `--option=value` keeps its beginning."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')

    @override
    def get_completion_args(self) -> tuple[list[str], str]:
        args, self._typed = super().get_completion_args()
        return args, self._typed

    @override
    def format_completion(self, item: CompletionItem) -> str:
        item.value = _whole(self._typed, item.value)
        return super().format_completion(item)


def _escaped(match: re.Match[str]) -> str:
    return "'\\''" if match[0] == "'" and match.re is _SPECIAL["'"] else f"\\{match[0]}"
