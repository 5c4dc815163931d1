"""Ban lists as long-lived teams have them, made from a seed: for measuring, and for tests that need many odd entries.

Several rooms in several regions, user IDs of many origins (some long, some odd), reasons in several scripts, ends in
every form of RFC 3339, notes, comments, and each value written in one of the ways that YAML has for it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random

from reconciler import Ban, BanKey

REGIONS = ("us-west-2", "us-east-1", "eu-west-1", "ap-northeast-1")
ROOMS = {
    name: f"arn:aws:ivschat:{REGIONS[number % 4]}:123456789012:room/AbCdEfGh{number:04}"
    for number, name in enumerate(
        ("lobby", "finals", "semi-finals", "watch-party", "cooking_1", "müsik", "チャット", "q4.launch", "help")
    )
}
REASONS = (
    "Violated terms of service",
    "Spam",
    "Harassment of other viewers, after two warnings",
    "Posted personal data (see the note)",
    "Verstoß gegen die Regeln: Beleidigung",
    "Нарушение правил чата",
    "規約違反のため",
    "إساءة إلى المشاهدين",
    "스팸 메시지",
    "Said 'free coins' #1 @ 100% of the time",
    "Scam links 🎣🎣",
    'Used \\o/ and "quotes" in one line',
)
ODD_USER_IDS = ("00123", "1e5", "0x1F", "no", "null", "2026-01-01", "~", "- dash", "a: b", "#hash", "@at", "*s")
START = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Generated:
    """One entry of a list: how it is written, and the one ban that it means."""

    text: str
    key: BanKey
    ban: Ban


def entries(count: int, seed: int = 0) -> Iterator[Generated]:
    """So many entries of four keys each, with a comment here and there."""
    random = Random(seed)
    for number in range(count):
        yield _entry(random, number)


def ban_list(count: int, seed: int = 0) -> str:
    """A list with these entries, which is allowed to ban them all at once."""
    rooms = "".join(f"  {name}: {arn}\n" for name, arn in ROOMS.items())
    written = "".join(entry.text for entry in entries(count, seed)) or "  []\n"
    return f"# Who is banned where.\nversion: 1\nrooms:\n{rooms}guardrails: {{max_bans: 99999999}}\nbans:\n{written}"


def _entry(random: Random, number: int) -> Generated:
    user_id = _user_id(random, number)
    room = random.choice(list(ROOMS))
    reason = random.choice(REASONS)
    ends = random.random() < 0.7
    end, end_text = _end(random)
    flow = random.random() < 0.03
    written = {
        "user_id": _scalar(random, user_id),
        "rooms": _rooms(random, room, flow=flow),
        "reason": _scalar(random, reason),
    }
    if ends:
        written["expires_at"] = f"'{end_text}'" if flow else end_text  # YAML 1.1 needs the quotes there
    else:
        written["note"] = _scalar(random, f"TS-{random.randrange(10_000)}, reviewed by {random.choice(['zoë', 'kim'])}")
    if flow:
        text = f"  - {{{', '.join(f'{key}: {value}' for key, value in written.items())}}}\n"
    else:
        first, *others = (f"{key}: {value}".replace(": \n", ":\n") for key, value in written.items())
        text = f"  - {first}\n" + "".join(f"    {other}\n" for other in others)
    comment = random.random()
    if comment < 0.02:
        text = f'\n  # Raid of {START:%B}: "{user_id[:10]}" and friends\n{text}'
    elif comment < 0.04 and not flow:
        text = text.replace("\n", "  # see the note\n", 1)
    return Generated(text, BanKey(ROOMS[room], user_id), Ban(reason, end if ends else None))


def _user_id(random: Random, number: int) -> str:
    """Of many origins, each with the number in it, so that no two are the same."""
    kind = random.random()
    if kind < 0.55:
        return f"{random.getrandbits(48):012x}{number}"
    if kind < 0.75:
        return f"user-{number:08}"
    if kind < 0.85:
        return f"auth0|{random.getrandbits(64):016x}{number}"
    if kind < 0.92:
        return f"player.{number}@example.com"
    if kind < 0.95:
        return f"{random.choice(['Ünal', 'さくら', 'Ζωή', 'Мария'])}_{number}"
    if kind < 0.98:
        return f"{random.choice(ODD_USER_IDS)}{'' if number < len(ODD_USER_IDS) and kind < 0.96 else f' {number}'}"
    return f"{number:08}-".ljust(128, "x")


def _end(random: Random) -> tuple[datetime, str]:
    time = START + timedelta(hours=random.randrange(24 * 365))
    offset = random.choice([0, 0, 0, 0, 0, 0, 2, -7, 9])
    shown = time.astimezone(timezone(timedelta(hours=offset)))
    text = shown.isoformat()
    return time, text.replace("+00:00", "Z") if random.random() < 0.9 else text


def _rooms(random: Random, room: str, *, flow: bool) -> str:
    style = random.random()
    if style < 0.8 or flow:
        return f"[{room}]"
    if style < 0.9:
        return f"\n      - {room}"
    if style < 0.95:
        return f'["{ROOMS[room]}"]'
    return f"\n      - {ROOMS[room]}"


def _scalar(random: Random, text: str) -> str:
    """In a style that a person would write this text in."""
    needs_quotes = not (text.replace("-", "").replace("_", "").replace(" ", "").isalnum() and text[0].isalnum())
    style = random.random()
    if (not needs_quotes and style < 0.8) or (text.isalnum() and style < 0.9):
        return text if text not in ("null",) else f'"{text}"'
    if style < 0.9 and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=style > 0.98 and max(text) < "\U00010000")  # no half characters
