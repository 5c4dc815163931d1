"""What nearly every command works on: a ban list and its state, loaded, opened and planned in one way for all."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib import import_module
from json import loads
from typing import TYPE_CHECKING, Any, Final

import click

import reconciler
from reconciler.aws.endpoint import of_environment
from reconciler.banlist.value import BanList
from reconciler.bans import EVERYWHERE, EVERYWHERE_NAME, BanKey, is_room_arn, parse_address
from reconciler.cli import console
from reconciler.cli.options import (
    Misuse,
    file_option,
    gathered,
    no_color_option,
    profile_option,
    redact_option,
    replace_option,
    state_option,
    strict_option,
    target_option,
)
from reconciler.cli.progress import busy, progress
from reconciler.denylist.value import Drift
from reconciler.errors import BanListError, DenylistUnreadable
from reconciler.plan.change import Plan
from reconciler.plan.drifting import place_of
from reconciler.publishers import open_publisher
from reconciler.publishers.publisher import Publisher
from reconciler.publishing import Publishing
from reconciler.redaction import HIDDEN, Redaction
from reconciler.state.value import Place, State
from reconciler.stores import BESIDE, open_store
from reconciler.stores.holder import Holder
from reconciler.stores.store import Store
from reconciler.views.notices import Setting
from reconciler.views.report import Output, Report, report

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from reconciler.aws.sessions import Sessions
    from reconciler.banlist.about import About
    from reconciler.plan.file import SavedPlan
    from reconciler.stores.session import Session


class Workspace:
    """A ban list and its state.

    Args:
        file: path of the list.
        state: where the state is kept, if not where the list says.
        redact: takes the user IDs out of what is shown; None leaves them.
        profile: of the AWS configuration.
        strict: warnings about the list are errors.
        looking: do without the list if it cannot be used, but it is known where the state is.
    """

    def __init__(
        self,
        file: str = "bans.yaml",
        state: str | None = None,
        redact: Redaction | None = None,
        profile: str | None = None,
        *,
        strict: bool = False,
        looking: bool = False,
    ) -> None:
        self.file = file
        self.redact = redact or Redaction()
        self.given_state = state
        self.profile = profile
        self._strict = strict
        self._looking = looking
        self._done_without: BanListError | None = None  # why there is no list

    @property
    def has_no_list(self) -> bool:
        """Whether nobody named a list, and there is none under the usual name."""
        return _is_default("file") and not os.path.exists(self.file)

    @cached_property
    def ban_list(self) -> BanList:
        """The list, read when first asked for.

        Raises:
            BanListError: it cannot be used.
        """
        try:
            with busy(f"Reading {self.file}"):
                return reconciler.load_ban_list(self.file, strict=self._strict)
        except BanListError as error:
            without = BanList(path=self.file)
            if not self._looking or (self.given_state is None and not os.path.exists(without.state_location)):
                raise
            self._done_without = error
            return without

    def about(self, user_ids: Collection[str]) -> "About | None":
        """What the list says about some users; from here on that is all that is known of it.

        Returns:
            None if the list cannot be used, and is done without.

        Raises:
            BanListError: it cannot be used.
        """
        try:
            with busy(f"Reading {self.file}"):
                about = reconciler.load_about(self.file, user_ids)
        except BanListError:
            return reconciler.About(self.ban_list) if self.ban_list.sha256 else None
        self.ban_list = about.ban_list
        return about

    @cached_property
    def store(self) -> Store[Any]:
        """Where the state is kept: where the option says, else where the list says.

        Raises:
            BanListError: the list cannot be used.
            StateUnreadable: there can be no state there.
        """
        listed = self.ban_list.state_location  # also where it does not count: a bad list is to be known before a lock
        location = self.given_state or listed
        return open_store(location, warn=console.diagnostic, profile=self.profile)

    def read(self) -> State:
        """The state.

        Raises:
            StateError: it cannot be read.
            BanListError: there is neither a state nor a list that can be used, as in the wrong folder.
        """
        store = self.store
        with busy("Reading the state"):
            state: State = store.read()
        if self._done_without is not None and state.is_blank:
            raise self._done_without
        self._say_what_is_done_without()
        return state

    def _say_what_is_done_without(self) -> None:
        if self._done_without is not None:
            name = "The ban list" if self.redact else self.file
            console.diagnostic(
                f"{name} cannot be used, so rooms are shown by their ARNs. `reconciler validate` says what is wrong."
            )

    def locked(self, operation: str, timeout: float) -> "AbstractContextManager[Session[Any]]":
        """Hold the state, as `Store.locked`; `operation` is the command, for others to see."""
        getpass, socket, uuid = map(import_module, ("getpass", "socket", "uuid"))  # only locking needs them
        try:
            user = getpass.getuser()
        except (ImportError, KeyError, OSError):  # a container's user without a name; a service of Windows
            user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
        who = Holder(operation, user, socket.gethostname(), os.getpid(), datetime.now(UTC))
        store = self.store
        self._say_what_is_done_without()
        return store.locked(who, timeout, lineage=str(uuid.uuid4()))

    def publisher(self, place: Place, sleep: Callable[[float], bool]) -> Publisher:
        """What publishes at a place of the list. Raises DenylistError."""
        location = self.ban_list.seen_from_here(place.location)
        state = self.store.absolute
        if _one_place(location) in map(_one_place, [self.file, state, *(state + suffix for suffix in BESIDE)]):
            raise DenylistUnreadable(
                f"{place.location} cannot be a denylist: it is the ban list, the state, or a file that belongs to the"
                " state. Give the denylist another location."
            )
        return open_publisher(location, place.name, now=lambda: datetime.now(UTC), sleep=sleep, profile=self.profile)

    def publishing(self, sleep: Callable[[float], bool], *, adopt: bool = False) -> Publishing | None:
        """The denylist of the list; None if it has none.

        Args:
            sleep: waits that many seconds; returns True if the run is to stop.
            adopt: take over that of another state.

        Raises:
            DenylistError: there can be no denylist where the list says.
        """
        denylist = self.ban_list.denylist
        if denylist is None:
            return None
        place = place_of(denylist)
        return Publishing(self.publisher(place, sleep), place, denylist.settle_after, adopt=adopt)

    def plan(self, state: State, selection: "Selection | None" = None, drift: Drift | None = None) -> Plan:
        """What makes the state, and the denylist, match the list now; `drift` as for `diff`.

        Raises:
            AddressUnknown: a selected ban is not known.
        """
        selection = selection or Selection()
        with busy("Comparing with the state"):
            return reconciler.diff(
                self.ban_list,
                state,
                now=datetime.now(UTC),
                targets=self.keys(selection.target, "--target", state) if selection.target else None,
                replace=self.keys(selection.replace, "--replace", state),
                drift=drift,
            )

    def sessions(self, endpoint_url: str | None = None) -> "Sessions":
        """Who calls in which AWS account.

        Args:
            endpoint_url: what to call in place of Amazon IVS Chat.

        Raises:
            BanListError: the list cannot be used.
            ChatError: the AWS configuration cannot be used.
        """
        make: type[Sessions] = import_module("reconciler.aws.sessions").Sessions  # boto3 takes long to import
        return make(self.ban_list, now=lambda: datetime.now(UTC), profile=self.profile, endpoint_url=endpoint_url)

    @property
    def endpoint(self) -> str | None:
        """What apply would call here in place of AWS, as far as variables say. The AWS configuration may say more."""
        return of_environment(os.environ, os.environ.get("RECONCILER_ENDPOINT_URL"))

    def setting(self, endpoint: str | None) -> Setting:
        """Where a plan of this workspace was made, and what carrying it out would call if that is not AWS."""
        location, listed = self.store.location, self.ban_list.state_location
        absolute = listed if "://" in listed else os.path.abspath(listed)
        return Setting(location, None if absolute == self.store.absolute else listed, endpoint)

    def saved_plan(self, path: str) -> "SavedPlan":
        """Read a saved plan. Raises PlanUnreadable and PlanEdited."""
        with busy(f"Reading {path}"):
            return reconciler.load_plan(path)

    def of(self, saved: "SavedPlan", path: str) -> "Workspace":
        """The workspace that a saved plan was made in, unless the options name another list or state.

        Args:
            saved: the plan.
            path: its file.
        """
        given = None if _is_default("file") else self.file
        base = _planned_in(saved.plan.ban_list, given, path)
        location = self.given_state or saved.state_location
        if self.given_state is None and "://" not in location:
            location = os.path.join(base, location)
        file = given or os.path.join(base, saved.plan.ban_list)
        return Workspace(file, location, self.redact, self.profile, strict=self._strict)

    def keys(self, addresses: Collection[str], option: str, state: State) -> frozenset[BanKey]:
        """The bans that addresses on the command line mean, raw or as a plan shows them.

        Args:
            addresses: `ROOM/USER_ID` each; empty ones are passed over.
            option: where they were given, for messages.
            state: which users are known, besides those of the list.

        Raises:
            Misuse: one of them is not an address.
        """
        return frozenset(self._key(address, option, state) for address in addresses if address)

    def _key(self, address: str, option: str, state: State) -> BanKey:
        shown = HIDDEN if self.redact else address
        try:
            key = parse_address(address, self.ban_list.rooms)
        except ValueError as error:
            why = "not an address, or its room is not in the list" if self.redact else error
            raise Misuse(f"Invalid value for {option}: {shown}: {why}") from error
        # A plan shows unusual user IDs in quotes, with escapes; an ID may also contain such quotes itself.
        candidates = [key, *(key._replace(user_id=user_id) for user_id in unquoted(key.user_id))]
        known = [candidate for candidate in candidates if candidate in self.ban_list.bans or candidate in state.records]
        if len(known) > 1:
            raise Misuse(f"Invalid value for {option}: {shown} can mean two users, with and without the quotes")
        return known[0] if known else key

    def room(self, typed: str) -> str:
        """The ARN of the room that `--room` names, or EVERYWHERE.

        Raises:
            BanListError: the list cannot be used.
            Misuse: there is no such room.
        """
        if typed == EVERYWHERE_NAME:
            return EVERYWHERE
        arn = self.ban_list.rooms.get(typed, typed)
        if not is_room_arn(arn):
            names = import_module("reconciler.banlist.rooms").RoomNames(self.ban_list.rooms, None)
            why = f'there is no room "{HIDDEN}" under `rooms`' if self.redact else names.unknown(typed)
            raise Misuse(f"Invalid value for --room: {why}")
        return arn

    def report(self, format: str, *, everything: bool = False) -> Report:
        """The report of a command, on standard output."""
        output = Output(
            write=console.out,
            diagnostic=console.diagnostic,
            ban_list=self.file,
            colour=console.wants_colour(sys.stdout),
            width=console.width(),
            everything=everything,
            progress=progress,
            contents=_contents,
            from_root=_from_root,
            list_exists=os.path.isfile(self.file),
        )
        return report(format, output, self.redact)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which bans are meant, if not all that have changed.

    Attributes:
        target: addresses, of `--target`.
        replace: addresses, of `--replace`.
    """

    target: Collection[str] = ()
    replace: Collection[str] = ()


_options = (file_option, state_option, redact_option, no_color_option)
with_workspace: Final = gathered("workspace", Workspace, strict_option, *_options)
with_workspace_for_looking: Final = gathered("workspace", partial(Workspace, looking=True), *_options)
with_workspace_for_looking_on_aws: Final = gathered(
    "workspace", partial(Workspace, looking=True), *_options, profile_option
)
with_list: Final = gathered("workspace", Workspace, file_option, redact_option, no_color_option)
with_workspace_on_aws: Final = gathered("workspace", Workspace, strict_option, *_options, profile_option)
with_selection: Final = gathered("selection", Selection, target_option, replace_option)


def _is_default(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.DEFAULT


def _planned_in(ban_list: str, given: str | None, plan: str) -> str:
    """The folder that the paths in a saved plan start from; empty for the current one.

    Args:
        ban_list: the list, as the plan names it.
        given: the list, if this run was given one.
        plan: the file of the plan.
    """
    if given is not None:
        whole = os.path.abspath(given)
        tail = os.path.join(os.sep, os.path.normpath(ban_list))
        same_folder = os.path.abspath(ban_list) == whole
        return "" if same_folder or not whole.endswith(tail) else whole.removesuffix(tail) + os.sep
    beside = os.path.dirname(plan)
    return beside if not os.path.exists(ban_list) and os.path.exists(os.path.join(beside, ban_list)) else ""


def _one_place(location: str) -> str:
    return location if "://" in location else os.path.realpath(location)


def unquoted(user_id: str) -> Iterator[str]:
    """What a user ID means that somebody copied from a plan, in quotes and with escapes; nothing if it is no such."""
    try:
        shown = loads(user_id)
    except (ValueError, RecursionError):
        return
    if isinstance(shown, str):
        yield shown


def _contents(files: Iterable[str]) -> Mapping[str, bytes]:
    return reconciler.contents(files)


def _from_root(file: str) -> str:
    """A file as GitHub names it: from the root of the repository, if it is in the one that is checked out there."""
    root = os.environ.get("GITHUB_WORKSPACE")
    if not root:
        return file
    root = os.path.realpath(root)
    path = os.path.join(os.path.realpath(os.path.dirname(file) or "."), os.path.basename(file))
    return os.path.relpath(path, root) if path.startswith(os.path.join(root, "")) else file
