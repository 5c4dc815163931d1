"""All of a ban list except its entries, which are read with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import ValidationError

from reconciler.banlist.problems import ListFile, Problems, Spot
from reconciler.banlist.rooms import RoomNames
from reconciler.banlist.schema import HEAD, Account, Defaults, Denylist, Discover, Head
from reconciler.banlist.suspicious import doubts
from reconciler.banlist.value import (
    DEFAULT_DENYLIST_NAME,
    DEFAULT_SETTLE_AFTER,
    DEFAULT_STATE,
    Access,
    DenylistSettings,
    Discovery,
)
from reconciler.bans import DEFAULT_RATE
from reconciler.guardrails import Guardrails
from reconciler.yamltext.second_look import is_clean


@dataclass(frozen=True, slots=True)
class Settings:
    """What the head of a list says.

    Attributes:
        rooms: the rooms that it names.
        defaults: for entries that leave a key out.
        default_rooms: the ARNs for entries that name no rooms; None when each has to.
        guardrails: what a plan may not do, and whom nobody may ban.
        state: where the state is kept.
        rate: DisconnectUser calls a second in each account and region.
        include: patterns of files to include; None when there is no such key.
        denylist: where and how bans are published.
        discover: rooms to find at apply.
        accounts: who calls in which account.
    """

    rooms: RoomNames
    defaults: Defaults = field(default_factory=Defaults)
    default_rooms: Sequence[str] | None = None
    guardrails: Guardrails = field(default_factory=Guardrails)
    state: str = DEFAULT_STATE
    rate: float = DEFAULT_RATE
    include: Sequence[str] | None = None
    denylist: DenylistSettings | None = None
    discover: tuple[Discovery, ...] = ()
    accounts: Mapping[str, Access] = field(default_factory=dict)


def read_head(file: ListFile, problems: Problems) -> Settings | None:
    """The settings of a ban list, as far as they are sound; None if the file is no ban list at all.

    Args:
        file: the list, which could be read to its end.
        problems: where to add what is wrong with the head.
    """
    raw = file.document.data
    if raw is None:
        problems.add(file, (), "the file is empty; write `version: 1` and, to ban nobody, `bans: []`")
        return None
    if not isinstance(raw, dict):
        problems.add(file, (), "a ban list is made of `key: value` lines; begin it with `version: 1`")
        return None
    head = _checked(file, raw, problems)
    limits = head.get("guardrails") or {}
    usual = Guardrails()
    beyond = "denylist" in raw or "discover" in raw
    rooms = _rooms(file, head.get("rooms") or {}, raw.get("rooms"), problems, beyond=beyond)
    protected = limits.get("protected_users") or ()
    for index, glob in enumerate(protected):  # one with a space too many protects nobody
        for doubt in () if is_clean(glob) else doubts(glob):
            problems.warn(file, ("guardrails", "protected_users", index), doubt.message, private=doubt.private)
    return Settings(
        rooms=rooms,
        defaults=head.get("defaults") or {},
        default_rooms=_default_rooms(file, head.get("defaults") or {}, raw.get("defaults"), rooms, problems),
        guardrails=Guardrails(
            max_bans=limits.get("max_bans", usual.max_bans),
            max_lift_percent=limits.get("max_lift_percent", usual.max_lift_percent),
            max_everywhere=limits.get("max_everywhere", usual.max_everywhere),
            protected_users=tuple(protected),
        ),
        state=head.get("state") or DEFAULT_STATE,
        rate=head.get("rate") or DEFAULT_RATE,
        include=(head.get("include") or ()) if "include" in raw else None,
        denylist=_denylist(file, head.get("denylist"), raw.get("denylist"), problems),
        discover=tuple(_discover(file, head.get("discover"), problems)),
        accounts=dict(_accounts(file, head.get("accounts"), problems)),
    )


def _denylist(file: ListFile, said: Denylist | None, raw: object, problems: Problems) -> DenylistSettings | None:
    if isinstance(raw, dict) and "location" not in raw:
        message = "missing; add a line such as `location: dynamodb://us-west-2/bans`"
        problems.add(file, ("denylist", "location"), message)
    if not said or "location" not in said:
        return None
    settle_after = said.get("settle_after")
    return DenylistSettings(
        said["location"],
        said.get("name") or DEFAULT_DENYLIST_NAME,
        DEFAULT_SETTLE_AFTER if settle_after is None else settle_after,
        said.get("token_records"),
    )


def _discover(file: ListFile, said: Sequence[Discover] | None, problems: Problems) -> Iterator[Discovery]:
    for index, rooms in enumerate(said or ()):
        if "region" in rooms:
            yield Discovery(rooms["region"], rooms.get("account"), rooms.get("name_prefix"), rooms.get("tags") or {})
        else:
            problems.add(file, ("discover", index, "region"), "missing; add a line such as `region: us-west-2`")


def _accounts(file: ListFile, said: Mapping[str, Account] | None, problems: Problems) -> Iterator[tuple[str, Access]]:
    for account, access in (said or {}).items():
        role_arn, profile, path = access.get("role_arn"), access.get("profile"), ("accounts", account)
        if role_arn is not None and profile is not None:
            message = "an account has a role or a profile; keep one of the two"
            problems.add(file, (*path, "profile"), message, at_key=True)
        elif role_arn is None and profile is None:
            example = f"arn:aws:iam::{account}:role/reconciler"
            message = f"neither a role nor a profile; add a line such as `role_arn: {example}`, or `profile: NAME`"
            problems.add(file, path, message, kind="no access", at_key=True)
        elif role_arn is None and access.get("external_id") is not None:
            message = "goes with a `role_arn`, and a profile has its own in the AWS configuration; remove it here"
            problems.add(file, (*path, "external_id"), message, at_key=True)
        elif role_arn is not None and (home := role_arn.split(":")[4]) != account:
            message = (
                f"a role of account {home}, and rooms are called by a role of their own account; name one of {account},"
                f" or correct the account above"
            )
            problems.add(file, (*path, "role_arn"), message, kind="role elsewhere")
        else:
            yield account, Access(role_arn, access.get("external_id"), profile)


def _checked(file: ListFile, data: dict[str, Any], problems: Problems) -> Head:
    """The head, without whatever is wrong in it."""
    raw = {key: value for key, value in data.items() if key != "bans"}
    if "version" not in raw:
        part = "" if raw else "; or is this a file that another list includes? Then check that list"
        problems.add(file, ("version",), f"missing; begin the list with `version: 1`{part}")
    head: Head
    try:
        head = HEAD.validate_python(raw)
        return head
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems.add_invalid(file, (), details)
    wrong: dict[str, set[object]] = {}  # section → keys in it, none when all of it is wrong
    for detail in details:
        section, *inside = detail["loc"]
        wrong.setdefault(str(section), set()).update(inside[:1])
    for section, keys in wrong.items():  # what remains is good enough to check the entries against
        value = raw.pop(section)
        if keys and isinstance(value, dict):
            raw[section] = {key: within for key, within in value.items() if key not in keys}
    head = HEAD.validate_python(raw)
    return head


def _rooms(file: ListFile, arns: dict[str, str], raw: object, problems: Problems, *, beyond: bool) -> RoomNames:
    names: dict[str, str] = {}
    for name, arn in arns.items():
        if arn in names:
            message = f"the same room as `{names[arn]}` on {{place}}; a room has one name, so keep one of the two"
            there = Spot(file, ("rooms", names[arn]))
            problems.add(file, ("rooms", name), message, kind="same room", at_key=True, there=there)
        names.setdefault(arn, name)
    if not isinstance(raw, dict | None) or ("rooms",) in file.spoiled:
        return RoomNames(arns, None)
    return RoomNames(arns, frozenset(raw or ()) - arns.keys(), beyond=beyond)


def _default_rooms(
    file: ListFile, defaults: Defaults, raw: object, rooms: RoomNames, problems: Problems
) -> Sequence[str] | None:
    """The ARNs for entries that name no rooms; None when each has to."""
    if "rooms" in defaults:
        return rooms.resolve(defaults["rooms"], file, ("defaults", "rooms"), problems)
    given = "rooms" in raw if isinstance(raw, dict) else raw is not None
    return [] if given or ("defaults",) in file.spoiled else None  # what is wrong with it is reported already
