"""Times as people write them, and what to write instead: RFC 3339, with the offset from UTC."""

import re
from typing import Final

from reconciler.banlist.schema import EXAMPLE_TIME
from reconciler.bans import parse_time

_LONGEST: Final = 60
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_DATE: Final = (
    r"(?P<y1>\d{4})-(?P<m1>\d\d)-(?P<d1>\d\d)"
    r"|(?P<y2>\d{4})(?P<s2>[-./])(?P<m2>\d\d?)(?P=s2)(?P<d2>\d\d?)"
    r"|(?P<d4>\d\d?)\.(?P<m4>\d\d?)\.(?P<y4>\d{4})"  # wherever people write dots, the day comes first
    r"|(?P<a>\d\d?)(?P<s5>[-/])(?P<b>\d\d?)(?P=s5)(?P<y5>\d{4})"
    rf"|(?P<d6>\d\d?)(?:st|nd|rd|th|\.)? +(?P<m6>{_MONTH})\.?,? +(?P<y6>\d{{4}})"
    rf"|(?P<m7>{_MONTH})\.? +(?P<d7>\d\d?)(?:st|nd|rd|th)?,? +(?P<y7>\d{{4}})"
)
_TIME: Final = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?P<second>:\d\d(?:\.\d{1,9})?)?(?: *(?P<half>[ap])\.?m\.?)?"
_ZONE: Final = r"(?P<utc>z|utc|gmt)|(?P<sign>[-+])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?|(?P<name>[a-z]{2,5})"
_WRITTEN: Final = rf"(?:{_DATE})(?:(?:t|,? +|,? +at +)(?:{_TIME})(?: *(?:{_ZONE}))?)?"
_UNIT: Final = r"(?:s|sec|second|m|min|minute|h|hr|hour|d|day|w|wk|week|mo|month|y|yr|year)s?"
_RELATIVE: Final = (
    rf"(?:in |for |\+)? *(?:\d+|an?|one|two|three) *{_UNIT}|p(?=t?\d)(?:\d+[ymwd])*(?:t(?:\d+[hms])+)?"
    r"|today|tonight|tomorrow|soon|later|(?:next|this|end of|on|by|until)(?: the| this| next)? (?:week|month|year|day"
    r"|weekend|stream|season|mon|tues|wednes|thurs|fri|satur|sun)(?:day)?"
)
_ENDLESS: Final = r"never|forever|permanent(?:ly)?|perm|always|indefinite(?:ly)?|infinity|none|no|lifetime"


def advice_on(text: str) -> str:
    """What is wrong with a text that is no time as RFC 3339 has it, and what to write instead.

    It repeats the text only if that is a time of some kind: anything else may name a user.
    """
    if len(text) <= _LONGEST:
        if (written := _match(_WRITTEN, text)) is not None:
            return _written(text.strip(), written)
        if _match(_ENDLESS, text):
            return "for a ban that does not end, write `never`"
        if _match(_RELATIVE, text):
            return f"{text.strip()} depends on today's date; write the exact time, such as {EXAMPLE_TIME}"
    return f"not a date and time in the right format; write it like {EXAMPLE_TIME}: with seconds, and Z or +02:00"


def _match(pattern: str, text: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text.strip(), re.ASCII | re.IGNORECASE)


def _written(text: str, written: re.Match[str]) -> str:
    """What to write for a date that is complete, with or without a time of day."""
    time, zone = _time_of_day(written), _zone(written)
    suffix = zone or "Z"
    times = [f"{day}T{time}" for day in _days(written) if _is_time(f"{day}T{time}{suffix}")]
    if not times or f"{times[0]}{suffix}" == text:
        return f"there is no such date or time; write it like {EXAMPLE_TIME}"
    first, *others = times
    if others:
        return f"{text} can be two dates; write {first}{suffix} or {others[0]}{suffix}"
    if written["hour"] is None:
        return f"{text} has no time and no time zone; write {first}Z"
    if written["name"] is not None:
        return f"a time zone is written as its offset from UTC; write {first} and the offset, such as {first}+02:00"
    if zone is None:
        return f"{text} has no time zone; write {first}Z for UTC, or an offset such as {first}+02:00"
    return f"{text} is not in the right format; write {first}{zone}"


def _days(written: re.Match[str]) -> list[str]:
    """The days that a date can be."""
    found = written.groupdict()
    year = next(found[key] for key in found if key[0] == "y" and found[key])
    if found["a"]:
        days = {(found["a"], found["b"]), (found["b"], found["a"])}
    else:
        days = {next((found[f"m{form}"], found[f"d{form}"]) for form in "12467" if found[f"m{form}"])}
    return sorted(f"{year}-{_month(month):02}-{int(day):02}" for month, day in days)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _time_of_day(written: re.Match[str]) -> str:
    hour = int(written["hour"] or 0)
    if written["half"]:
        hour = hour % 12 + (12 if written["half"].lower() == "p" else 0)
    return f"{hour:02}:{written['minute'] or '00'}{written['second'] or ':00'}"


def _zone(written: re.Match[str]) -> str | None:
    """The offset, if there is one in numbers."""
    if written["utc"]:
        return "Z"
    return f"{written['sign']}{written['hours']:0>2}:{written['minutes'] or '00'}" if written["sign"] else None


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True
