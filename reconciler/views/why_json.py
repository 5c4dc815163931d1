"""What is known of one user, as JSON for programs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler import escape
from reconciler.bans import Ban, BanKey, format_time, room_name
from reconciler.plan.why import Answer, Commit, Ruling
from reconciler.state.value import to_plain

FORMAT_VERSION = 1


def why(answer: Answer, *, redacted: bool) -> str:
    """One JSON object and a line break."""
    plain: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "user_id": answer.user_id,
        "banned": answer.banned,
        "bans": [_ruling(ruling, answer.room_names) for ruling in answer.rulings],
        "lifted": [
            {
                **_room(lifted.key, answer.room_names),
                **_terms(lifted.ban),
                "added": _commit(lifted.added),
                "removed": _commit(lifted.removed),
            }
            for lifted in answer.lifted or ()
        ],
        "more_lifted": answer.more_lifted,
        "protected_by": answer.protected_by,
        "denylist": None if answer.denylist is None else {"location": answer.denylist, "unread": answer.unread},
        "untold": answer.untold,
        "suggestions": list(answer.suggestions),
    }
    if redacted:
        plain["redacted"] = True
    return escape.to_json(plain) + "\n"


def _ruling(ruling: Ruling, room_names: Mapping[str, str]) -> dict[str, Any]:
    entry, word = ruling.entry, ruling.word
    return {
        **_room(ruling.key, room_names),
        "banned": ruling.banned,
        "until": _time(ruling.until),
        "reason": ruling.reason,
        "because": ruling.because,
        "entry": None if entry is None else {"path": entry.path, "line": entry.line, "text": entry.text or None},
        "commit": _commit(ruling.commit),
        "committed": ruling.is_committed,
        "listed": None if ruling.listed is None else _terms(ruling.listed),
        "record": None if ruling.record is None else to_plain(ruling.record),
        "settled": None if ruling.record is None else not ruling.is_owed,
        "due": ruling.due,
        "denylist": None
        if word is None
        else {
            "published": word.is_published,
            "until": _time(word.until),
            "provisional_until": _time(word.provisional_until),
        },
    }


def _room(key: BanKey, room_names: Mapping[str, str]) -> dict[str, str]:
    return {"room": room_name(key.room_arn, room_names), "room_arn": key.room_arn}


def _terms(ban: Ban) -> dict[str, str | None]:
    return {"reason": ban.reason, "expires_at": _time(ban.expires_at)}


def _commit(commit: Commit | None) -> dict[str, str | None] | None:
    if commit is None:
        return None
    return {"id": commit.id, "author": commit.author, "date": format_time(commit.date), "subject": commit.subject}


def _time(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)
