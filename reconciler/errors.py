"""Everything that can go wrong, as a tree.

    ReconcilerError
    ├── BanListError
    │   ├── BanListUnreadable      the file cannot be opened
    │   ├── BanListInvalid         it can, and something in it is wrong: every problem, with its place
    │   ├── BanListUnwritable      it cannot be written
    │   └── FormattingUnsafe       its canonical form would not say the same
    ├── AddressUnknown             --target or --replace names a ban that nobody knows
    ├── StateError
    │   ├── StateUnreadable        the state cannot be opened, or its location is not one we know
    │   ├── StateDamaged           it is not a state file
    │   ├── StateTooNew            a later version of this program wrote it
    │   ├── StateUnwritable        it cannot be written
    │   │   └── StateChanged       somebody else has written it meanwhile
    │   ├── StateLocked            another run holds it
    │   ├── EndpointMixed          it records what was done on AWS, and this run calls something else; or the reverse
    │   └── PushRefused            a state that is not a later generation of the one that is there
    ├── PlanError
    │   ├── PlanUnreadable         not a saved plan
    │   ├── PlanUnwritable         it cannot be saved
    │   ├── PlanEdited             somebody changed the file since it was saved
    │   ├── PlanStale              the ban list or the state has changed since it was made
    │   └── PlanRefused            a guardrail refuses it
    ├── AuditError
    │   ├── LogUnreadable          a chat log, or the place where logs should be, cannot be read
    │   ├── NotAChatLog            it can, and no record of IVS Chat is in it
    │   └── LogUnplaced            nothing tells which room it is of
    ├── RunError                   the machine does not let us run
    ├── ChatError                  DisconnectUser did not do it; one failed ban, or with `hopeless` every ban
    │   ├── AccessDenied           AccessDeniedException, 403
    │   ├── VerificationPending    PendingVerification, 403
    │   ├── RoomNotFound           ResourceNotFoundException, 404
    │   ├── Throttled              ThrottlingException, 429
    │   ├── RequestInvalid         ValidationException, 400
    │   ├── CredentialsRejected    missing, expired or unknown credentials
    │   ├── EndpointUnreachable    no connection to the service
    │   ├── ServiceFailed          5xx, cut connections, and whatever the service model does not list
    │   ├── Stalled                no call to the account and region has succeeded for a minute
    │   ├── RoomsUnknown           what `everywhere` means cannot be found out, so nobody was disconnected there
    │   └── CallAbandoned          the run was told to stop before the call left, or left again
    └── DenylistError
        ├── DenylistUnreadable     it cannot be opened, or its location is not one we know
        │   └── DenylistGone       there is no such bucket or table, so it holds nobody
        ├── DenylistUnwritable     it cannot be written
        │   └── DenylistChanged    somebody else has published there meanwhile
        ├── DenylistForeign        it belongs to another state
        ├── DenylistDamaged        it was a denylist, and something in it is wrong
        ├── NotADenylist           what is there is something else
        └── DenylistTooNew         a later version of this program wrote it

The message of each is for the person who reads the terminal: what happened, and what to do about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ReconcilerError(Exception):
    """Any error that this package raises on purpose. `str(error)` is a message for people.

    Args:
        message: what happened, and what to do about it.
        private: the parts of the message that quote what somebody typed, as they stand there: they may name a user.

    Attributes:
        advice: what is wrong, and what to do about it: the same for everything with the same trouble.
        answer: what a service said to this one call; empty if it said nothing.
    """

    __notes__: list[str]  # of `add_note`; there is none until the first note

    def __init__(self, message: str, *, private: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.private = tuple(private)
        self.advice = message
        self.answer = ""

    def whole(self) -> str:
        """The message, with what was noted on its way up, such as what has been done by then. Notes name no user."""
        notes = getattr(self, "__notes__", ())
        said = str(self)
        return " ".join([said if said.endswith((".", "`")) or not notes else f"{said}.", *notes])


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a ban list, or looks wrong.

    Attributes:
        file: the ban list, as it was named to us; empty where it is about a command line.
        line: counted from 1; 0 where there is none.
        column: counted from 1, in characters; 0 where there is none.
        path: where in the data, such as `bans[1].user_id`; empty for the file as a whole.
        message: what is wrong, and what to write instead.
        private: the parts of the message that quote the list, as they stand there: they may name a user.
        is_warning: it may be meant, so it keeps nobody from using the list.
        more: how many others of the same kind this one stands for, of which nothing else is known.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    private: tuple[str, ...] = ()
    is_warning: bool = False
    more: int = 0

    @property
    def detail(self) -> str:
        """The message, and how many more there are like it."""
        return f"{self.message} (and {self.more:,} more like this)" if self.more else self.message

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        where = f"{place}: {'warning: ' if self.is_warning else ''}" if place else ""
        return f"{where}{self.path}: {self.detail}" if self.path else f"{where}{self.detail}"


class BanListError(ReconcilerError):
    """The ban list cannot be used."""


class BanListUnreadable(BanListError):
    """The ban list cannot be opened."""


class BanListInvalid(BanListError):
    """The ban list says something that it may not.

    Attributes:
        problems: every problem, in the order of the file, and every warning. Of many alike, the last that is here
            stands for the rest.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class BanListUnwritable(BanListError):
    """The ban list cannot be written, and is as it was."""


class FormattingUnsafe(BanListError):
    """The canonical form of a ban list would not say the same as the list does, so it is not to be used."""


class AddressUnknown(ReconcilerError):
    """An address names no ban of the list or of the state.

    Args:
        template: the message, with `{}` where the addresses stand, of which it shows ten.
        addresses: the room and the user ID of each, kept apart since user IDs are private.
    """

    _SHOWN = 10

    def __init__(self, template: str, addresses: Sequence[tuple[str, str]]) -> None:
        shown = ", ".join(f"{room}/{user_id}" for room, user_id in addresses[: self._SHOWN])
        more = len(addresses) - self._SHOWN
        super().__init__(template.replace("{}", shown + (f" and {more:,} more" if more > 0 else "")))
        self.template = template
        self.addresses = tuple(addresses)


class StateError(ReconcilerError):
    """The state cannot be used."""


class StateUnreadable(StateError):
    """The state cannot be opened, or its location is not one we know."""


class StateDamaged(StateError):
    """What is at the state's location is not a state."""


class StateTooNew(StateError):
    """A later version of this program wrote the state."""


class StateUnwritable(StateError):
    """The state cannot be written."""


class StateChanged(StateUnwritable):
    """Somebody else has written the state since it was read, so it is not written over."""


class StateLocked(StateError):
    """Another run holds the state."""


class EndpointMixed(StateError):
    """A state must not record both what was done on AWS and what was done elsewhere."""


class PushRefused(StateError):
    """A state is not to be replaced by one that is not a later generation of it."""


class PlanError(ReconcilerError):
    """A plan cannot be saved, read or applied."""


class PlanUnreadable(PlanError):
    """The file is not a saved plan."""


class PlanUnwritable(PlanError):
    """The plan cannot be saved."""


class PlanEdited(PlanError):
    """The file is no longer what was saved."""


class PlanStale(PlanError):
    """The ban list or the state is no longer what the plan was made for."""


class PlanRefused(PlanError):
    """A guardrail of the ban list refuses the plan."""


class AuditError(ReconcilerError):
    """Chat logs cannot be audited."""


class LogUnreadable(AuditError):
    """A chat log, or the place where logs should be, cannot be read."""


class NotAChatLog(AuditError):
    """What was named as a chat log has no record of IVS Chat in it."""


class LogUnplaced(AuditError):
    """Nothing tells which room a chat log is of."""


class RunError(ReconcilerError):
    """The machine does not give what a run needs."""


class ChatError(ReconcilerError):
    """DisconnectUser did not do what it was asked.

    Args:
        advice: what is wrong, and what to do about it: the same for every ban with the same trouble.
        answer: what the service said to this call, with its request ID.

    Attributes:
        hopeless: no other call to that account and region can succeed either.
    """

    hopeless = False

    def __init__(self, advice: str, answer: str = "") -> None:
        super().__init__(f"{advice} {answer}".rstrip())
        self.advice = advice
        self.answer = answer


class AccessDenied(ChatError):
    """AccessDeniedException: these credentials may not do this."""


class VerificationPending(ChatError):
    """PendingVerification: AWS has not yet verified the account."""


class RoomNotFound(ChatError):
    """ResourceNotFoundException: there is no such room in that account and region."""


class Throttled(ChatError):
    """ThrottlingException: over the quota, after all retries."""


class RequestInvalid(ChatError):
    """ValidationException: the service does not accept one of the values."""


class CredentialsRejected(ChatError):
    """There are no AWS credentials, or they have expired, or AWS does not know them."""

    hopeless = True


class EndpointUnreachable(ChatError):
    """No connection to the service could be made."""

    hopeless = True


class ServiceFailed(ChatError):
    """The service failed: 5xx answers, cut connections, time-outs, after all retries."""


class Stalled(ChatError):
    """No call to the account and region has succeeded for so long that the rest is left alone."""

    hopeless = True


class RoomsUnknown(ChatError):
    """The rooms from which to disconnect a user who is banned everywhere cannot be found out."""


class CallAbandoned(ChatError):
    """The run was told to stop before this call left, or was made again."""


class DenylistError(ReconcilerError):
    """The denylist cannot be used; or one ban that could not be published there."""


class DenylistUnreadable(DenylistError):
    """The denylist cannot be opened, or its location is not one we know."""


class DenylistGone(DenylistUnreadable):
    """There is no such bucket or table: neither denied, nor in another region."""


class DenylistUnwritable(DenylistError):
    """The denylist cannot be written."""


class DenylistChanged(DenylistUnwritable):
    """Somebody else has published the denylist since this run began to."""


class DenylistForeign(DenylistError):
    """The denylist belongs to another state, so it is not written over."""


class DenylistDamaged(DenylistError):
    """What is at the location was a denylist, and something in it is wrong."""


class NotADenylist(DenylistError):
    """What is at the location is something else, so it is not written over."""


class DenylistTooNew(DenylistError):
    """A later version of this program wrote the denylist."""
