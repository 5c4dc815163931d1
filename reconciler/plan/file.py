"""A plan as JSON: what `--format json` prints, and what `--out` saves for `apply PLAN`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Final

from pydantic_core import SchemaValidator, ValidationError, from_json, to_json
from pydantic_core import core_schema as core

from reconciler import escape
from reconciler.bans import EVERYWHERE, Ban, BanKey, format_time, room_name
from reconciler.errors import PlanEdited, PlanUnreadable
from reconciler.guardrails import Refusal
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.state.shapes import ENDPOINT, RECORD, ROOM, ROOM_ARN, SERIAL, TEXT, TIME, USER_ID, closed, opened
from reconciler.state.value import from_plain, to_plain

FORMAT_VERSION: Final = 2
"""The latest. A plan says 2 only if it has a denylist, or bans somebody everywhere."""
_LINE_BREAK: Final = b",\n    "  # between changes
_WORDS: Final = {because: (because.action.value, because.value) for because in Because}  # as pydantic encodes fastest


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan, and where the state is kept that it was made for."""

    plan: Plan
    state_location: str


def dumps(plan: Plan, state_location: str, *, redacted: bool = False, notices: Sequence[str] = ()) -> bytes:
    """The JSON of a plan, one change a line.

    Args:
        plan: the plan.
        state_location: where the state is kept that it was made for.
        redacted: hashes stand in place of its user IDs, so that `loads` refuses it.
        notices: what is odd about it here and now, for whoever reads it. `loads` passes them over.
    """
    changes = _LINE_BREAK.join(_rows(plan))
    members = {**_head(plan, state_location, changes, redacted=redacted), "notices": list(notices)}
    head = "".join(f'  "{key}": {escape.to_json(value)},\n' for key, value in members.items()).encode()
    shown = b"[\n    %b\n  ]" % escape.json_lines(changes) if changes else b"[]"
    return b'{\n%b  "changes": %b\n}\n' % (head, shown)


def _head(plan: Plan, state_location: str, changes: bytes, *, redacted: bool = False) -> dict[str, object]:
    """Everything but the changes, with the checksum of it all."""
    counts = plan.counts
    head: dict[str, object] = {
        "format_version": FORMAT_VERSION if _is_new(plan) else 1,
        **({"redacted": True} if redacted else {}),
        "created_at": format_time(plan.created_at),
        "commit": plan.commit,
        "ban_list": {"path": plan.ban_list, "sha256": plan.ban_list_sha256},
        "state": {
            "location": state_location,
            "lineage": plan.lineage,
            "serial": plan.serial,
            **({} if plan.endpoint is None else {"endpoint": plan.endpoint}),
        },
        "listed": plan.listed,
        "recorded": plan.recorded,
        **_holding(plan),
        "summary": {
            **{action.value: counts[action] for action in Action},
            "disconnect_calls": plan.calls.total(),
            **({} if plan.denylist is None else {"settle_calls": plan.settle_calls.total()}),
        },
        "left_out_by_target": plan.left_out,
        "refusals": [asdict(refusal) for refusal in plan.refusals],
        "rate": plan.rate,
        "expired": [{"room_arn": key.room_arn, "user_id": key.user_id} for key in plan.expired],
        "rooms": {name: arn for arn, name in plan.room_names.items()},
    }
    return {**head, "checksum": sha256(escape.to_json(head).encode() + changes).hexdigest()}


def _holding(plan: Plan) -> dict[str, object]:
    """What a plan says of the denylist, and of rooms that are not known yet; empty for a list without either."""
    said: dict[str, object] = {}
    if plan.denylist is not None:
        said["denylist"] = {"location": plan.denylist, "settle_after": plan.settle_after}
    if plan.owed:
        said["owed"] = [{"room_arn": key.room_arn, "user_id": key.user_id} for key in plan.owed]
    if plan.to_retire:
        said["to_retire"] = list(plan.to_retire)
    if plan.rooms_found_at_apply:
        said["rooms_found_at_apply"] = True
    return said


def _is_new(plan: Plan) -> bool:
    """Whether a plan says something that format 1 has no words for."""
    return bool(_holding(plan)) or any(change.key.room_arn == EVERYWHERE for change in plan.changes)


def _rows(plan: Plan) -> list[bytes]:
    """The changes, each as JSON."""
    names = plan.room_names
    rows = []
    for change in plan.changes:
        (room_arn, user_id), before, after = change.key, change.before, change.after
        action, because = _WORDS[change.because]
        room = room_name(room_arn, names)
        rows.append(
            to_json(
                {
                    "action": action,
                    "address": f"{room}/{user_id}",
                    "room": room,
                    "room_arn": room_arn,
                    "user_id": user_id,
                    "before": None if before is None else to_plain(before),
                    "after": None if after is None else {"reason": after.reason, "expires_at": after.expires_at},
                    "because": because,
                }
            )
        )
    return rows


def loads(content: bytes | str) -> SavedPlan:
    """Read a saved plan.

    Raises:
        PlanUnreadable: it is not one, or one of a later version.
        PlanEdited: its content does not fit together, or not its checksum. (That stops accidents. Who may write the
            file may write all of it anew, so it is `still_valid` that keeps a plan to what the list and the state mean.
            Which state that is, the plan says: trust a plan as much as the place that it is kept in.)
    """
    try:
        file = _validator().validate_json(content)
        changes = tuple(map(_change, file["changes"]))
    except ValidationError as error:
        raise _why_not_a_plan(content, error) from error
    except ValueError as error:
        raise PlanUnreadable(f"changes: {error}") from error
    ban_list, state = file["ban_list"], file["state"]
    plan = Plan(
        created_at=file["created_at"],
        ban_list=ban_list["path"],
        ban_list_sha256=ban_list["sha256"],
        lineage=state["lineage"],
        serial=state["serial"],
        changes=changes,
        room_names={arn: name for name, arn in file["rooms"].items()},
        expired=tuple(BanKey(**key) for key in file["expired"]),
        refusals=tuple(Refusal(**refusal) for refusal in file["refusals"]),
        left_out=file["left_out_by_target"],
        rate=file["rate"],
        commit=file["commit"],
        denylist=file["denylist"]["location"] if "denylist" in file else None,
        settle_after=file["denylist"]["settle_after"] if "denylist" in file else 0,
        owed=tuple(BanKey(**key) for key in file.get("owed", ())),
        to_retire=tuple(file.get("to_retire", ())),
        rooms_found_at_apply="rooms_found_at_apply" in file,
        endpoint=state.get("endpoint"),
        listed=file.get("listed", 0),
        recorded=file.get("recorded", 0),
    )
    rows = _rows(plan)
    head = _head(plan, state["location"], _LINE_BREAK.join(rows))
    saved = from_json(content)
    saved.pop("notices", None)
    if saved != {**head, "changes": list(map(from_json, rows))}:
        raise PlanEdited(
            "it was changed since it was saved, or an earlier version saved it. Make a new plan, and apply that."
        )
    return SavedPlan(plan, state["location"])


_KEY: Final = opened(room_arn=ROOM, user_id=USER_ID)
_CHANGE: Final = opened(
    action=core.enum_schema(Action, list(Action)),
    address=TEXT,
    room=TEXT,
    room_arn=ROOM,
    user_id=USER_ID,
    before=core.nullable_schema(RECORD),
    after=core.nullable_schema(opened(reason=core.nullable_schema(TEXT), expires_at=core.nullable_schema(TIME))),
    because=core.enum_schema(Because, list(Because)),
)
_COMMIT: Final = core.str_schema(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")
_COUNT: Final = core.int_schema(ge=0, lt=2**53)
_SHAPE: Final = closed(
    {
        "notices": core.list_schema(TEXT),
        "listed": _COUNT,
        "recorded": _COUNT,
        "denylist": opened(location=TEXT, settle_after=_COUNT),
        "owed": core.list_schema(_KEY),
        "to_retire": core.list_schema(TEXT),
        "rooms_found_at_apply": core.literal_schema([True]),
    },
    format_version=core.literal_schema([1, 2]),
    created_at=TIME,
    commit=core.nullable_schema(_COMMIT),
    ban_list=opened(path=TEXT, sha256=TEXT),
    state=opened({"endpoint": ENDPOINT}, location=TEXT, lineage=core.nullable_schema(TEXT), serial=SERIAL),
    summary=core.dict_schema(TEXT, core.int_schema()),
    left_out_by_target=_COUNT,
    refusals=core.list_schema(opened(key=TEXT, message=TEXT, needed=SERIAL)),
    rate=core.float_schema(ge=1e-3, le=1e6),
    expired=core.list_schema(_KEY),
    rooms=core.dict_schema(TEXT, ROOM_ARN),
    checksum=TEXT,
    changes=core.list_schema(_CHANGE),
)


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(_SHAPE)


def _change(plain: dict[str, Any]) -> Change:
    after = plain["after"]
    return Change(
        key=BanKey(plain["room_arn"], plain["user_id"]),
        before=from_plain(plain["before"]) if plain["before"] is not None else None,
        after=Ban(after["reason"], after["expires_at"]) if after is not None else None,
        because=plain["because"],
    )


def _why_not_a_plan(content: bytes | str, error: ValidationError) -> PlanUnreadable:
    try:
        plain = from_json(content)
        version, redacted = plain["format_version"], plain.get("redacted")
    except (ValueError, TypeError, KeyError, AttributeError):
        version = redacted = None
    if redacted:
        return PlanUnreadable("it was printed with --redact, so it does not say who is meant")
    if isinstance(version, int) and version > FORMAT_VERSION:
        return PlanUnreadable(f"a later version of reconciler saved it (format {version}); use that version")
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return PlanUnreadable(f"{where}: {first['msg']}" if where else first["msg"])
