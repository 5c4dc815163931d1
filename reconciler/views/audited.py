"""What an audit of chat logs has come to, as text and as JSON."""

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler import escape
from reconciler.audit.value import Audit, Finding, Watched
from reconciler.banlist.value import BanList
from reconciler.bans import EVERYWHERE, format_time, is_room_arn, room_name
from reconciler.views.wording import count, owed, time

FORMAT_VERSION: Final = 1
_SHOWN: Final = 100  # findings
_HOLE: Final = (
    "Something lets these users in: a token service that does not ask the gate with `admit`, that asks another"
    " denylist, or that goes on without one while it is unavailable. Mend that first; then `reconciler apply --replace"
    " ROOM/USER_ID` disconnects a user again."
)
_NO_DENYLIST: Final = (
    "The list has no denylist, so a ban is but a kick: the user comes back with the next token, unless your token"
    " service refuses by itself. A `denylist` makes bans hold."
)


def text(audit: Audit, ban_list: BanList, *, everything: bool) -> str:
    """What was found, one line for each user and room, and what was read; ends with a line break.

    Args:
        audit: what it has come to.
        ban_list: the list.
        everything: show every finding, and not only the first hundred.
    """
    findings, names, lines = audit.findings, ban_list.room_names, list[str]()
    shown = findings if everything else findings[:_SHOWN]
    lines += [escape.line(_spoke(finding, names)) for finding in shown]
    if more := len(findings) - len(shown):
        lines.append(f"… and {more:,} more; --all shows every one.")
    if findings:
        messages = sum(finding.messages for finding in findings)
        lines += ["", f"{count(audit.users(), 'banned user')} spoke: {count(messages, 'message')}. {_read(audit)}"]
    else:
        lines.append(f"Nobody who is banned spoke. {_read(audit)}")
    lines += left_aside(audit.watched)
    if findings:
        lines += ["", _NO_DENYLIST if ban_list.denylist is None else _HOLE]
    return "\n".join(lines) + "\n"


def json(audit: Audit, ban_list: BanList) -> str:
    """The same as one JSON document, with every finding; ends with a line break."""
    names = ban_list.room_names
    findings = [_plain(finding, names) for finding in audit.findings]
    counts = {"format_version": FORMAT_VERSION, "records": audit.records, "skipped": audit.skipped}
    return escape.to_json({**counts, "findings": findings}) + "\n"


def left_aside(watched: Watched) -> Iterator[str]:
    """Which bans were not looked for, and why."""
    if watched.unsettled:
        yield f"Not looked for yet: {owed(watched.unsettled)}"
    if watched.undated:
        yield (
            f"Not looked for: {count(watched.undated, 'ban')} whose users reconciler has never disconnected, so that it"
            " is not known since when they hold. --since TIME looks for them from that time on."
        )


def _spoke(finding: Finding, room_names: Mapping[str, str]) -> str:
    user = escape.user_id(finding.key.user_id)
    where = "" if finding.key.room_arn == EVERYWHERE else f" in {room_name(finding.key.room_arn, room_names)}"
    banned = f"after the ban of {time(finding.banned_at)}"
    if finding.messages == 1:
        return f"{user} spoke once{where} {banned}: at {time(finding.first)}."
    times = f"first at {time(finding.first)}, last at {time(finding.last)}"
    return f"{user} spoke {finding.messages:,} times{where} {banned}: {times}."


def _read(audit: Audit) -> str:
    skipped = f", and skipped {audit.skipped:,} that are none" if audit.skipped else ""
    what = f"{count(audit.records, 'record')} in {count(audit.logs, 'log')}{skipped}"
    return f"Read {what}; looked for {count(audit.watched.bans, 'ban')}."


def _plain(finding: Finding, room_names: Mapping[str, str]) -> dict[str, object]:
    room = finding.key.room_arn
    return {
        "user_id": finding.key.user_id,
        "room": room_name(room, room_names),
        "room_arn": room if room == EVERYWHERE or is_room_arn(room) else None,
        "banned_at": format_time(finding.banned_at),
        "first": format_time(finding.first),
        "last": format_time(finding.last),
        "messages": finding.messages,
    }
