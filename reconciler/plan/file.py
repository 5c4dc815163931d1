"""A plan as JSON: what `--format json` prints, and what `--out` saves for `apply PLAN`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import PurePath
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from reconciler.banlist.value import BanList
from reconciler.bans import Ban, BanKey, format_time
from reconciler.errors import AddressUnknown, PlanEdited, PlanStale, PlanUnreadable
from reconciler.escape import json_safe
from reconciler.guardrails import Refusal
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.diff import diff
from reconciler.state.file import RoomArn, Serial, Time, UserId
from reconciler.state.value import PlainRecord, State, record_from_plain, record_to_plain

FORMAT_VERSION: Final = 1
CLOCK_SKEW: Final = timedelta(minutes=5)  # between the machine that plans and the one that applies


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan, and where the state that it was made for is kept."""

    plan: Plan
    state_location: str


def dumps(plan: Plan, state_location: str, *, redacted: bool = False) -> str:
    """The JSON of a plan, one change a line; see `lines`."""
    return "".join(lines(plan, state_location, redacted=redacted))


def lines(plan: Plan, state_location: str, *, redacted: bool = False) -> Iterator[str]:
    """The JSON of a plan line by line, each with its line break: one emoji makes a text of all four times as large.

    Args:
        plan: the plan.
        state_location: where the state is that it was made for.
        redacted: the user IDs in it are none; `loads` refuses it.
    """
    counts = plan.counts
    head: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        **({"redacted": True} if redacted else {}),
        "created_at": format_time(plan.created_at),
        "commit": plan.commit,
        "ban_list": {"path": plan.ban_list, "sha256": plan.ban_list_sha256},
        "state": {"location": state_location, "lineage": plan.lineage, "serial": plan.serial},
        "summary": {action.value: counts[action] for action in Action} | {"disconnect_calls": plan.calls.total()},
        "left_out_by_target": plan.left_out,
        "refusals": [{"key": refusal.key, "message": refusal.message} for refusal in plan.refusals],
        "rate": plan.rate,
        "expired": [{"room_arn": key.room_arn, "user_id": key.user_id} for key in plan.expired],
        "rooms": {name: arn for arn, name in plan.room_names.items()},
    }
    rows: list[str] = []

    def written() -> Iterator[dict[str, object]]:
        """Each change as plain data, which is let go again: of a hundred thousand that is a lot."""
        for change in plan.changes:
            plain = _plain(plan, change)
            rows.append(f"    {_json(plain)}")
            yield plain

    head["checksum"] = _checksum(head, written())
    yield "{\n"
    for key, value in head.items():
        yield f"  {_json(key)}: {_json(value)},\n"
    yield '  "changes": [\n' if rows else '  "changes": []\n'
    for number, row in enumerate(rows, 1):
        yield f"{row},\n" if number < len(rows) else f"{row}\n  ]\n"
    yield "}\n"


def loads(content: bytes | str) -> SavedPlan:
    """Read a saved plan.

    Raises:
        PlanUnreadable: it is not one, or one of a later version.
        PlanEdited: its checksum is not that of its content. (That stops accidents. Who may write the file may write the
            checksum too, so it is `still_valid` that keeps a plan to what the list and the state mean. Which state that
            is, the plan says: a plan is as much to be trusted as the place that it is kept in.)
    """
    try:
        file = _File.model_validate_json(content)
        changes = tuple(_change(change) for change in file.changes)
    except ValidationError as error:
        raise _why_not_a_plan(content, error) from error
    except ValueError as error:
        raise PlanUnreadable(f"changes: {error}") from error
    plain = json.loads(content)
    if plain.pop("checksum") != _checksum(plain, plain.pop("changes")):
        raise PlanEdited("its content was changed since it was saved. Make a new plan, and apply that.")
    plan = Plan(
        created_at=file.created_at,
        ban_list=file.ban_list.path,
        ban_list_sha256=file.ban_list.sha256,
        lineage=file.state.lineage,
        serial=file.state.serial,
        changes=changes,
        room_names={arn: name for name, arn in file.rooms.items()},
        expired=tuple(BanKey(key["room_arn"], key["user_id"]) for key in file.expired),
        refusals=tuple(Refusal(refusal["key"], refusal["message"]) for refusal in file.refusals),
        left_out=file.left_out_by_target,
        rate=file.rate,
        commit=file.commit,
    )
    return SavedPlan(plan, file.state.location)


def still_valid(plan: Plan, ban_list: BanList, state: State, now: datetime) -> Plan:
    """The saved plan, if it is still what the list and the state mean.

    What has expired since it was made stays in it: leave that out when it is applied.

    Raises:
        PlanStale: it is not, or the file was changed.
    """
    again = "Make a new plan, have it reviewed, and apply that."
    if plan.created_at > now + CLOCK_SKEW:
        raise PlanStale(f"The saved plan was made in the future, at {format_time(plan.created_at)}. {again}")
    if plan.ban_list_sha256 != ban_list.sha256:
        name = PurePath(ban_list.path).name
        raise PlanStale(f"The saved plan is stale: {name} has changed since it was made. {again}")
    if plan.lineage is not None and plan.lineage != state.lineage:
        raise PlanStale(f"The saved plan was made for another state, not for this one. {again}")
    if plan.serial != state.serial or plan.lineage != state.lineage:
        raise PlanStale(
            f"The saved plan is stale: the state has changed since it was made (serial {plan.serial} then,"
            f" {state.serial} now), by another apply or by this one. {again}"
        )
    try:
        planned = diff(
            ban_list,
            state,
            plan.created_at,
            targets=[change.key for change in plan.changes],
            replace=[change.key for change in plan.changes if change.because is Because.REQUESTED],
        )
    except AddressUnknown:
        planned = None
    if planned is None or planned.changes != plan.changes or planned.room_names != plan.room_names:
        raise PlanStale(f"The saved plan is not what the list and the state mean; its file was changed. {again}")
    return planned


class _PlainBan(TypedDict):
    reason: str | None
    expires_at: Time | None


class _PlainKey(TypedDict):
    room_arn: RoomArn
    user_id: UserId


class _PlainRefusal(TypedDict):
    key: str
    message: str


class _PlainChange(_PlainKey):
    action: Action
    address: str
    room: str
    before: PlainRecord | None
    after: _PlainBan | None
    because: Because


class _BanListVersion(BaseModel):
    path: str
    sha256: str


class _StateVersion(BaseModel):
    location: str
    lineage: str | None
    serial: Serial


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format_version: Literal[1]
    created_at: Time
    commit: Annotated[str, Field(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")] | None = None
    ban_list: _BanListVersion
    state: _StateVersion
    summary: dict[str, int]
    left_out_by_target: Annotated[int, Field(ge=0, lt=2**53)]
    refusals: list[_PlainRefusal]
    rate: Annotated[float, Field(ge=1e-3, le=1e6)]
    expired: list[_PlainKey]
    rooms: dict[str, RoomArn]
    checksum: str
    changes: list[_PlainChange]


def _plain(plan: Plan, change: Change) -> dict[str, object]:
    key, after = change.key, change.after
    return {
        "action": change.action,
        "address": plan.address(key),
        "room": plan.room_names.get(key.room_arn, key.room_arn),
        "room_arn": key.room_arn,
        "user_id": key.user_id,
        "before": record_to_plain(change.before) if change.before is not None else None,
        "after": None
        if after is None
        else {"reason": after.reason, "expires_at": format_time(after.expires_at) if after.expires_at else None},
        "because": change.because,
    }


def _change(plain: _PlainChange) -> Change:
    after = plain["after"]
    return Change(
        key=BanKey(plain["room_arn"], plain["user_id"]),
        before=record_from_plain(plain["before"]) if plain["before"] is not None else None,
        after=Ban(after["reason"], after["expires_at"]) if after is not None else None,
        because=plain["because"],
    )


def _why_not_a_plan(content: bytes | str, error: ValidationError) -> PlanUnreadable:
    try:
        plain = json.loads(content)
        version, redacted = plain["format_version"], plain.get("redacted")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        version = redacted = None
    if redacted:
        return PlanUnreadable("it was printed with --redact, so it does not say who is meant")
    if isinstance(version, int) and version > FORMAT_VERSION:
        return PlanUnreadable(f"a later version of reconciler saved it (format {version}); use that version")
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return PlanUnreadable(f"{where}: {first['msg']}" if where else first["msg"])


def _checksum(head: Mapping[str, object], changes: Iterable[Mapping[str, object]]) -> str:
    """Of the content, however it is laid out: of everything but the changes, then of one change after the other."""
    content = sha256(_CANONICAL.encode(head).encode())
    for change in changes:
        content.update(b"\n" + _CANONICAL.encode(change).encode())
    return content.hexdigest()


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def _json(value: object) -> str:
    return json_safe(_ENCODER.encode(value))
