"""Groups of commands that help on when a command is mistyped."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Final

import click
from typing_extensions import override  # in typing since Python 3.12

_ALIKE: Final = 0.7  # of 1

# What people type who know other tools: the command that does it here, or what to do instead.
INSTEAD: Final = {
    "new": "init",
    "start": "init",
    "setup": "init",
    "check": "validate",
    "diagnose": "doctor",
    "health": "doctor",
    "lint": "validate",
    "verify": "validate",
    "format": "fmt",
    "diff": "plan",
    "preview": "plan",
    "run": "apply",
    "deploy": "apply",
    "sync": "apply",
    "list": "show",
    "status": "show",
    "explain": "why",
    "who": "why",
    "blame": "why",
    "unlock": "force-unlock",
    "add": "ban",
    "block": "ban",
    "kick": "ban",
    "unban": "lift",
    "unblock": "lift",
    "remove": "lift",
    "delete": "lift",
}
INSTEAD_OF_STATE: Final = {
    "ls": "list",
    "get": "show",
    "remove": "rm",
    "delete": "rm",
    "forget": "rm",
    "download": "pull",
    "export": "pull",
    "upload": "push",
    "import": "push",
}


class UnknownCommand(click.UsageError):
    """There is no such command.

    Attributes:
        typed: what was typed instead of one; it may name a user.
        advice: what was probably meant; may be empty.
    """

    def __init__(self, typed: str, advice: str, context: click.Context) -> None:
        super().__init__(f"No such command {typed!r}. {advice}".rstrip(), context)
        self.typed = typed
        self.advice = advice


class Group(click.Group):
    """A group that says what was probably meant."""

    instead: Mapping[str, str] = {}

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        typed = args[0]
        if not ctx.resilient_parsing and not typed.startswith("-") and self.get_command(ctx, typed) is None:
            raise UnknownCommand(typed, self._advice(typed.lower(), self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def _advice(self, typed: str, names: list[str]) -> str:
        difflib = import_module("difflib")  # only mistakes need it
        words = [*names, *self.instead]
        close = [typed] if typed in words else difflib.get_close_matches(typed, words, cutoff=_ALIKE)
        meant = [self.instead.get(word, word) for word in close]
        commands = [word for word in dict.fromkeys(meant) if word in names]
        return did_you_mean(commands) if commands else " ".join(meant[:1])


def did_you_mean(names: Iterable[str]) -> str:
    """A question that offers these, at least one: `Did you mean 'plan' or 'apply'?`."""
    *others, last = map(repr, names)
    return f"Did you mean {', '.join(others)} or {last}?" if others else f"Did you mean {last}?"
