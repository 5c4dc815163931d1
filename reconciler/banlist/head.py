"""All of a ban list except its entries, which are read with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import ValidationError

from reconciler.banlist.problems import ListFile, Problems, Spot
from reconciler.banlist.rooms import RoomNames
from reconciler.banlist.schema import HEAD, Defaults, Head
from reconciler.banlist.suspicious import doubts
from reconciler.banlist.value import DEFAULT_STATE
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
    """

    rooms: RoomNames
    defaults: Defaults = field(default_factory=Defaults)
    default_rooms: Sequence[str] | None = None
    guardrails: Guardrails = field(default_factory=Guardrails)
    state: str = DEFAULT_STATE
    rate: float = DEFAULT_RATE
    include: Sequence[str] | None = None


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
    rooms = _rooms(file, head.get("rooms") or {}, raw.get("rooms"), problems)
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
            protected_users=tuple(protected),
        ),
        state=head.get("state") or DEFAULT_STATE,
        rate=head.get("rate") or DEFAULT_RATE,
        include=(head.get("include") or ()) if "include" in raw else None,
    )


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


def _rooms(file: ListFile, arns: dict[str, str], raw: object, problems: Problems) -> RoomNames:
    names: dict[str, str] = {}
    for name, arn in arns.items():
        if arn in names:
            message = f"the same room as `{names[arn]}` on {{place}}; a room has one name, so keep one of the two"
            there = Spot(file, ("rooms", names[arn]))
            problems.add(file, ("rooms", name), message, kind="same room", at_key=True, there=there)
        names.setdefault(arn, name)
    if not isinstance(raw, dict | None) or ("rooms",) in file.spoiled:
        return RoomNames(arns, None)
    return RoomNames(arns, frozenset(raw or ()) - arns.keys())


def _default_rooms(
    file: ListFile, defaults: Defaults, raw: object, rooms: RoomNames, problems: Problems
) -> Sequence[str] | None:
    """The ARNs for entries that name no rooms; None when each has to."""
    if "rooms" in defaults:
        return rooms.resolve(defaults["rooms"], file, ("defaults", "rooms"), problems)
    given = "rooms" in raw if isinstance(raw, dict) else raw is not None
    return [] if given or ("defaults",) in file.spoiled else None  # what is wrong with it is reported already
