"""What one run of the command line knows about itself, whichever command it is."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError
    from reconciler.redaction import Redaction


class Run:
    """One run.

    Attributes:
        redaction: what is shown in place of user IDs, in errors too; None shows them.
    """

    def __init__(self) -> None:
        self.redaction: Redaction | None = None

    def shown(self, error: "ReconcilerError") -> "ReconcilerError":
        """An error as it may be shown."""
        return error if self.redaction is None else self.redaction.error(error)
