"""A plan as JSON: what `--format json` prints, and what `--out` saves for `apply PLAN`."""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Final

from pydantic_core import SchemaValidator, ValidationError, from_json, to_json
from pydantic_core import core_schema as core

from reconciler import escape
from reconciler.bans import Ban, BanKey, format_time
from reconciler.errors import PlanEdited, PlanUnreadable, Problem
from reconciler.guardrails import Refusal
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.state.shapes import RECORD, ROOM_ARN, SERIAL, TEXT, TIME, USER_ID, closed, opened
from reconciler.state.value import from_plain, to_plain

FORMAT_VERSION: Final = 1
_LINE_BREAK: Final = b",\n    "  # between changes
_WORDS: Final = {because: (because.action.value, because.value) for because in Because}  # as pydantic encodes fastest


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan, and where the state is kept that it was made for."""

    plan: Plan
    state_location: str


def dumps(plan: Plan, state_location: str, *, redacted: bool = False) -> bytes:
    """The JSON of a plan, one change a line.

    Args:
        plan: the plan.
        state_location: where the state is kept that it was made for.
        redacted: hashes stand in place of its user IDs, so that `loads` refuses it.
    """
    changes = _LINE_BREAK.join(_rows(plan))
    return _laid_out(_head(plan, state_location, changes, redacted=redacted), changes)


def _laid_out(head: dict[str, object], changes: bytes) -> bytes:
    members = "".join(f'  "{key}": {escape.to_json(value)},\n' for key, value in head.items()).encode()
    shown = b"[\n    %b\n  ]" % escape.json_lines(changes) if changes else b"[]"
    return b'{\n%b  "changes": %b\n}\n' % (members, shown)


def looks_like_a_plan(beginning: bytes) -> bool:
    """Whether the first bytes of a file are those of a saved plan, of whatever version."""
    return _BEGINNING.match(beginning) is not None


_BEGINNING: Final = re.compile(rb'\{\s*"format_version": *\d+,\s*"created_at":')


def _head(plan: Plan, state_location: str, changes: bytes, *, redacted: bool = False) -> dict[str, object]:
    """Everything but the changes, with the checksum of it all."""
    counts = plan.counts
    head: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        **({"redacted": True} if redacted else {}),
        "created_at": format_time(plan.created_at),
        "commit": plan.commit,
        "ban_list": {**_path("path", plan.ban_list), "sha256": plan.ban_list_sha256},
        "state": {**_path("location", state_location), "lineage": plan.lineage, "serial": plan.serial},
        "summary": {action.value: counts[action] for action in Action} | {"disconnect_calls": plan.calls.total()},
        "left_out_by_target": plan.left_out,
        "refusals": [{"key": refusal.key, "message": refusal.message} for refusal in plan.refusals],
        "rate": plan.rate,
        "warnings": list(map(_warning, plan.warnings)),
        "expired": [{"room_arn": key.room_arn, "user_id": key.user_id} for key in plan.expired],
        "rooms": {name: arn for arn, name in plan.room_names.items()},
    }
    return {**head, "checksum": sha256(escape.to_json(head).encode() + changes).hexdigest()}


def _path(key: str, path: str) -> dict[str, str]:
    """A path as a member; with its bytes in hexadecimal if they are not UTF-8, since JSON holds nothing else."""
    content = path.encode(errors="surrogateescape")
    shown = content.decode(errors="replace")
    return {key: shown} if shown == path else {key: shown, f"{key}_bytes": content.hex()}


def _path_of(members: dict[str, Any], key: str) -> str:
    content = members[f"{key}_bytes"]
    return str(members[key]) if content is None else bytes.fromhex(content).decode(errors="surrogateescape")


def _warning(problem: Problem) -> dict[str, object]:
    return {
        **_path("file", problem.file),
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
        "private": list(problem.private),
        "more": problem.more,
    }


def _rows(plan: Plan) -> list[bytes]:
    """The changes, each as JSON."""
    names = plan.room_names
    rows = []
    for change in plan.changes:
        (room_arn, user_id), before, after = change.key, change.before, change.after
        action, because = _WORDS[change.because]
        room = names.get(room_arn, room_arn)
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
    content = content.encode() if isinstance(content, str) else content
    try:
        file = _validator().validate_json(content)
    except ValidationError as error:
        raise _why_not_a_plan(content, error) from error
    ban_list, state = file["ban_list"], file["state"]
    plan = Plan(
        created_at=file["created_at"],
        ban_list=_path_of(ban_list, "path"),
        ban_list_sha256=ban_list["sha256"],
        lineage=state["lineage"],
        serial=state["serial"],
        changes=tuple(file["changes"]),
        room_names={arn: name for name, arn in file["rooms"].items()},
        expired=tuple(BanKey(**key) for key in file["expired"]),
        refusals=tuple(Refusal(**refusal) for refusal in file["refusals"]),
        left_out=file["left_out_by_target"],
        rate=file["rate"],
        warnings=tuple(file["warnings"]),
        commit=file["commit"],
    )
    location = _path_of(state, "location")
    rows = _rows(plan)
    changes = _LINE_BREAK.join(rows)
    head = _head(plan, location, changes)
    # Comparing what is read takes ten times the memory, and only a file that was laid out anew needs it.
    if content != _laid_out(head, changes) and from_json(content) != {**head, "changes": list(map(from_json, rows))}:
        raise PlanEdited(
            "it was changed since it was saved, or an earlier version saved it. Make a new plan, and apply that."
        )
    return SavedPlan(plan, location)


def _change(plain: dict[str, Any]) -> Change:
    after = plain["after"]
    return Change(
        key=BanKey(plain["room_arn"], plain["user_id"]),
        before=from_plain(plain["before"]) if plain["before"] is not None else None,
        after=Ban(after["reason"], after["expires_at"]) if after is not None else None,
        because=plain["because"],
    )


def _problem(plain: dict[str, Any]) -> Problem:
    return Problem(
        file=_path_of(plain, "file"),
        line=plain["line"],
        column=plain["column"],
        path=plain["path"],
        message=plain["message"],
        private=tuple(plain["private"]),
        is_warning=True,
        more=plain["more"],
    )


_KEY: Final = opened(room_arn=ROOM_ARN, user_id=USER_ID)
_FIGURE: Final = core.int_schema(ge=0, lt=2**53)
_BYTES: Final = core.with_default_schema(
    core.nullable_schema(core.str_schema(pattern="^(?:[0-9a-f]{2})+$")), default=None
)
_WARNING: Final = opened(
    file=TEXT,
    file_bytes=_BYTES,
    line=_FIGURE,
    column=_FIGURE,
    path=TEXT,
    message=TEXT,
    private=core.list_schema(TEXT),
    more=_FIGURE,
)
_CHANGE: Final = opened(
    action=core.enum_schema(Action, list(Action)),
    address=TEXT,
    room=TEXT,
    room_arn=ROOM_ARN,
    user_id=USER_ID,
    before=core.nullable_schema(RECORD),
    after=core.nullable_schema(opened(reason=core.nullable_schema(TEXT), expires_at=core.nullable_schema(TIME))),
    because=core.enum_schema(Because, list(Because)),
)
_COMMIT: Final = core.str_schema(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")
_SHAPE: Final = closed(
    format_version=core.literal_schema([1]),
    created_at=TIME,
    commit=core.nullable_schema(_COMMIT),
    ban_list=opened(path=TEXT, path_bytes=_BYTES, sha256=TEXT),
    state=opened(location=TEXT, location_bytes=_BYTES, lineage=core.nullable_schema(TEXT), serial=SERIAL),
    summary=core.dict_schema(TEXT, core.int_schema()),
    left_out_by_target=_FIGURE,
    refusals=core.list_schema(opened(key=TEXT, message=TEXT)),
    rate=core.float_schema(ge=1e-3, le=1e6),
    warnings=core.list_schema(core.no_info_after_validator_function(_problem, _WARNING)),
    expired=core.list_schema(_KEY),
    rooms=core.dict_schema(TEXT, ROOM_ARN),
    checksum=TEXT,
    # Made into values one by one: the plain data of a long plan is four times as large.
    changes=core.list_schema(core.no_info_after_validator_function(_change, _CHANGE)),
)


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(_SHAPE)


def _why_not_a_plan(content: bytes, error: ValidationError) -> PlanUnreadable:
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
