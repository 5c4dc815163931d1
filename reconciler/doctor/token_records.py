"""Whether token services write token records."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from reconciler.aws.token_records import COUNTS_FOR, SAMPLE, TokenRecords
from reconciler.errors import RoomsUnknown
from reconciler.verdicts import Check, Verdict, of_error, ok, warning
from reconciler.views.wording import count, duration

NAME = "token records"
_USED: Final = "reconciler-doctor"  # a user whose records are asked for, as apply asks for those of others
ADVICE: Final = (
    "Bans everywhere disconnect users only where there are records. See that every token service gives the gate"
    " `token_records` (docs/gate.md, `Token records`); until then, take the key out of the list."
)


def examined(records: TokenRecords, location: str, now: datetime) -> Iterator[Check]:
    """The verdict on the table of token records, by a question as apply asks it, and by a look at some of the rows.

    Raises:
        RoomsUnknown: they cannot be read, and apply could not read them either.
    """
    records.rooms_of([_USED], now)
    try:
        rows = records.sample()
    except RoomsUnknown as error:  # apply needs no more than the question
        yield of_error(NAME, location, error, "Without it, nobody can see whether they are written.", Verdict.WARNING)
        return
    times = [time for time in rows if time is not None]
    if not rows:
        yield warning(NAME, location, "There are none: no token service has written one for hours.", ADVICE)
    elif not times:
        detail = f"None of the {count(len(rows), 'record')} that were read has an `issued_at`."
        yield warning(NAME, location, detail, "Find out what writes there. docs/gate.md says what a record is.")
    elif (age := now - max(times)) > COUNTS_FOR:
        yield warning(
            NAME,
            location,
            f"The newest of {count(len(rows), 'record')} that {'was' if len(rows) == 1 else 'were'} read is"
            f" {duration(age.total_seconds())} old."
            + (f" There are more than these {SAMPLE}, so this proves nothing." if len(rows) >= SAMPLE else ""),
            ADVICE,
        )
    else:
        old = duration(max(0.0, age.total_seconds()))
        yield ok(NAME, location, f"They are being written: the newest of {len(rows):,} that were read is {old} old.")
