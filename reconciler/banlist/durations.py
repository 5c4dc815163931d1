"""How long a ban lasts, as people write it on a command line: `90m`, `12h`, `7d`, `2w`."""

import re
from datetime import timedelta
from typing import Final

_WRITTEN: Final = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
EXAMPLES: Final = "90m, 12h, 7d or 2w"


def parse_duration(text: str) -> timedelta:
    """A duration of at least a minute.

    Raises:
        ValueError: it is none; the message says how to write one.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError(f"write a duration in minutes, hours, days or weeks, such as {EXAMPLES}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
