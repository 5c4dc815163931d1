"""Everything that `doctor` looks at, for one list. It imports boto3, so the help does without it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Final

from reconciler.aws.caller import Caller
from reconciler.aws.pacing import Pace
from reconciler.aws.rooms import LIST_ROOMS_RATE, Means, list_rooms
from reconciler.aws.token_records import TokenRecords
from reconciler.banlist.value import BanList
from reconciler.bans import AccountRegion
from reconciler.cli.account import Account, caller
from reconciler.cli.workspace import Workspace
from reconciler.doctor import ban_list as doctor_list
from reconciler.doctor import credentials, denylist, rooms, token_records
from reconciler.doctor import state as doctor_state
from reconciler.doctor.examination import Examination, examine, examined
from reconciler.errors import BanListError, CredentialsRejected, ReconcilerError
from reconciler.plan.drifting import place_of
from reconciler.publishers import open_publisher
from reconciler.rooms import Room
from reconciler.verdicts import Check, Verdict, warning

if TYPE_CHECKING:
    from reconciler.aws.sessions import Sessions
    from reconciler.state.value import State

_SECONDS_FOR_ROOMS: Final = 300.0  # at the quota, two passes over 30,000 rooms of a region
_WITHOUT_CREDENTIALS: Final = "It was not looked at, since the AWS credentials cannot be used."


def diagnosis(workspace: Workspace, account: Account) -> Iterator[Check]:
    """What there is to say about a list and all that it names.

    Args:
        workspace: the list and its state.
        account: what the AWS credentials can tell.
    """
    try:
        ban_list = workspace.ban_list
    except BanListError as error:
        yield doctor_list.unusable(workspace.file, error)
    else:
        yield from doctor_list.judged(ban_list)
        yield from _Diagnosis(workspace, account, ban_list).checks()


class _Diagnosis:
    """Looks at what a sound list names."""

    def __init__(self, workspace: Workspace, account: Account, ban_list: BanList) -> None:
        self._workspace = workspace
        self._account = account
        self._list = ban_list
        self._now = datetime.now(UTC)
        self._stop = Event()
        self._state: State | None = None  # until it has been read
        self._endpoint: str | None = None  # what is called in place of AWS
        self._sessions: Sessions | None = None

    def checks(self) -> Iterator[Check]:
        """Credentials and state first, as the rest depends on them; then the rest side by side."""
        places = rooms.places_of(self._list)
        regions = list(dict.fromkeys(place.region for place in places))
        callers: dict[str, Caller | ReconcilerError | None] = {}
        try:
            self._sessions = self._account.sessions(self._list)
            self._endpoint = self._account.endpoint(self._sessions, regions)
        except ReconcilerError as error:
            callers[""] = error
        yield from credentials.endpoint(self._endpoint)
        for number in credentials.accounts_of(self._list) or [None]:
            named = number if number is not None and number in self._list.accounts else ""
            if named not in callers and self._sessions is not None:
                callers[named] = caller(self._sessions, named or None, regions, self._endpoint)
            yield from credentials.judged(number, callers.get(named))
        refused = isinstance(callers.get(""), CredentialsRejected)
        location = self._workspace.given_state or self._list.state_location
        advice = "docs/ci.md, `What to keep`, says where a state is kept."
        state = Examination("state", location, self._look_at_state, advice, on_aws="://" in location)
        yield from examined(_left_out(state) if refused and state.on_aws else state)
        rest = [
            *self._of_lock(location),
            *self._of_denylist(),
            *self._of_token_records(),
            *(self._of_place(place, callers.get(place.account)) for place in places),
        ]
        try:
            yield from examine([_left_out(todo) if refused and todo.on_aws else todo for todo in rest])
        finally:
            self._stop.set()

    def _look_at_state(self) -> Iterator[Check]:
        state = self._workspace.store.read()
        self._state = state
        return doctor_state.judged(state, self._workspace.store.location, self._list, self._endpoint, self._now)

    def _of_lock(self, location: str) -> Iterator[Examination]:
        def look() -> Sequence[Check]:
            return doctor_state.lock(self._workspace.store.held_by(), location, self._now)

        if "://" in location:  # the lock of a file dies with its process
            advice = "docs/ci.md, `Permissions in AWS`, says what it takes to look."
            yield Examination("lock", location, look, advice, unknown=Verdict.WARNING)

    def _of_denylist(self) -> Iterator[Examination]:
        settings = self._list.denylist
        if settings is None:
            return
        location = settings.location
        is_on_aws, place, wait = "://" in location, place_of(settings), self._stop.wait

        def look() -> Iterator[Check]:
            return denylist.examined(settings, self._workspace.publisher(place, wait), self._state, self._now)

        def look_at_ttl() -> Iterable[Check]:
            return denylist.ttl(location, self._workspace.publisher(place, wait).ttl_problem())

        yield Examination(denylist.NAME, location, look, denylist.ADVICE, on_aws=is_on_aws)
        if location.startswith("dynamodb://"):
            yield Examination(denylist.TTL, location, look_at_ttl, denylist.ADVICE, unknown=Verdict.WARNING)

    def _of_token_records(self) -> Iterator[Examination]:
        location = self._list.denylist.token_records if self._list.denylist is not None else None
        if location is None:
            return

        def look() -> Iterator[Check]:
            sessions = self._sessions or self._account.sessions(self._list)
            records = TokenRecords(
                location,
                accounts={*credentials.accounts_of(self._list), *self._list.accounts},
                stop=self._stop,
                warn=lambda _message: None,
                session=sessions.of(),
            )
            return token_records.examined(records, location, self._now)

        def look_at_ttl() -> Iterable[Check]:
            now, profile = partial(datetime.now, UTC), self._workspace.profile
            table = open_publisher(location, now=now, sleep=self._stop.wait, profile=profile)
            return denylist.ttl(location, table.ttl_problem())

        yield Examination(token_records.NAME, location, look, token_records.ADVICE)
        yield Examination(denylist.TTL, location, look_at_ttl, token_records.ADVICE, unknown=Verdict.WARNING)

    def _of_place(self, place: AccountRegion, caller: Caller | ReconcilerError | None) -> Examination:
        sessions = self._sessions
        account = caller.account if isinstance(caller, Caller) else None
        subject = f"{place.account} in {place.region}" if place.account else place.region

        def listed(warn: Callable[[str], object], wanted: Collection[str] | None) -> tuple[Room, ...]:
            means = Means(
                Pace(LIST_ROOMS_RATE, sleep=self._stop.wait),
                self._stop,
                warn,
                sessions or self._account.sessions(self._list),
                self._account.endpoint_url,
                _SECONDS_FOR_ROOMS,
            )
            return list_rooms([place], means, wanted=wanted)

        look = partial(rooms.examined, place, self._list, listed, account)
        seen = Examination(rooms.REGION, subject, look, rooms.ADVICE, seconds=_SECONDS_FOR_ROOMS + 5)
        return _left_out(seen) if isinstance(caller, CredentialsRejected) else seen


def _left_out(todo: Examination) -> Examination:
    """The same, if it cannot be done for want of credentials."""
    check = warning(todo.name, todo.subject, _WITHOUT_CREDENTIALS, "See to the credentials first.")
    return replace(todo, look=lambda: [check])
