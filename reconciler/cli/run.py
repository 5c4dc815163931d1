"""What one run of the command line knows about itself, whichever command it is."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError
    from reconciler.redaction import Redaction

_OFF: Final = frozenset({"", "0", "false", "f", "no", "n", "off"})  # what click takes for false, in a variable
_PLACES: Final = ("s3://", "http://", "https://")


class Run:
    """One run.

    Args:
        arguments: of the command line.
        known: the words among them that the command line itself has: commands, options, choices.

    Attributes:
        redaction: what is shown in place of user IDs, in errors too; None shows them, unless `redacts`.
    """

    def __init__(
        self, arguments: Sequence[str] = (), known: Callable[[Sequence[str]], Collection[str]] = lambda _: ()
    ) -> None:
        self.redaction: Redaction | None = None
        self._arguments = arguments
        self._known = known

    @property
    def redacts(self) -> bool:
        """Whether redaction was asked for, also where the command does not know it or was not understood."""
        variable = os.environ.get("RECONCILER_REDACT", "").strip().lower()
        return self.redaction is not None or "--redact" in self._arguments or variable not in _OFF

    def shown(self, error: "ReconcilerError") -> "ReconcilerError":
        """An error as it may be shown; its message still has to go through `text`."""
        if not self.redacts:
            return error
        from reconciler.redaction import Redaction  # noqa: PLC0415 - most runs redact nothing

        return (self.redaction or Redaction("")).error(error)

    def text(self, message: str) -> str:
        """A message as it may be shown.

        Where user IDs are not to be seen, an argument may be an address with its option forgotten: those that neither
        name a file nor are words of the command line are taken out.
        """
        if not self.redacts:
            return message
        from reconciler.redaction import without  # noqa: PLC0415

        return without(message, self._doubtful())

    def _doubtful(self) -> Iterator[str]:
        known = self._known(self._arguments)
        for argument in self._arguments:
            for text in _parts(argument):
                if text in known or text.startswith(_PLACES) or os.path.lexists(text):
                    continue
                others = (os.path.normpath(text), os.path.basename(text), text.partition("://")[0])
                yield text
                yield from (other for other in others if other not in known and not os.path.lexists(other))


def _parts(argument: str) -> Iterator[str]:
    """What an argument may say: a value, an option, or both in one."""
    if not argument.startswith("-"):
        yield argument
        return
    name, _, value = argument.partition("=")
    yield from (name, value)
    if not argument.startswith("--"):
        yield argument[2:]
