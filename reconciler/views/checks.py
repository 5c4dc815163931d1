"""What `doctor` found, as text and as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from reconciler import escape
from reconciler.verdicts import Check, Verdict
from reconciler.views.layout import broken, cells, padded
from reconciler.views.wording import count

_SHOWN: Final = {Verdict.OK: 20, Verdict.WARNING: 50, Verdict.FAILED: 50}  # of one name
_COLOURS: Final = {Verdict.OK: 32, Verdict.WARNING: 33, Verdict.FAILED: 31}
_GAP: Final = " " * 3
_WIDEST: Final = 48  # cells of a subject; a longer one shifts its own line
_INDENT: Final = " " * 4
_VERDICT: Final = max(map(len, Verdict))


def text(checks: Sequence[Check], *, colour: bool, everything: bool, width: int | None) -> str:
    """A line for each check, with its advice below it, and how many there are of each verdict; ends with a line break.

    Of many checks of one name and one verdict, 50 are shown, and 20 of those that are ok.

    Args:
        checks: what to show.
        colour: with ANSI colours.
        everything: show every check.
        width: cells of a line on the terminal; None for no limit.
    """
    names = max(cells(check.name) for check in checks)
    subjects = min(max(cells(escape.terminal(check.subject)) for check in checks), _WIDEST)
    if width is not None:
        subjects = min(subjects, max(width // 4, 8))
    lines: list[str] = []
    seen: Counter[tuple[str, Verdict]] = Counter()
    for check in checks:
        seen[check.name, check.verdict] += 1
        if everything or seen[check.name, check.verdict] <= _SHOWN[check.verdict]:
            lines += _lines(check, names, subjects, colour=colour, width=width)
    hidden = sum(max(0, number - _SHOWN[verdict]) for (_, verdict), number in seen.items())
    if hidden and not everything:
        lines += ["", f"{count(hidden, 'more check')} of the same kinds; --all shows every one."]
    return "\n".join([*lines, "", _summary(checks)]) + "\n"


def as_json(checks: Iterable[Check]) -> str:
    """The same for programs, with every check."""
    plain = [
        {
            "name": check.name,
            "subject": check.subject,
            "verdict": check.verdict.value,
            "detail": check.detail,
            "advice": check.advice or None,
        }
        for check in checks
    ]
    is_ok = not any(check["verdict"] == Verdict.FAILED for check in plain)
    whole = {"format_version": 1, "ok": is_ok, "checks": plain}
    return escape.json_safe(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _lines(check: Check, names: int, subjects: int, *, colour: bool, width: int | None) -> Iterator[str]:
    verdict = padded(check.verdict.value, _VERDICT)
    shown = f"\x1b[{_COLOURS[check.verdict]}m{verdict}\x1b[0m" if colour else verdict
    subject = padded(escape.terminal(check.subject), subjects)
    line = f"{verdict}{_GAP}{padded(check.name, names)}{_GAP}{subject}{_GAP}{escape.terminal(check.detail)}"
    for number, part in enumerate([line] if width is None else broken(line, width, _INDENT)):
        yield shown + part.removeprefix(verdict) if number == 0 else part
    if check.advice:
        advice = f"{_INDENT}→ {escape.terminal(check.advice)}"
        yield from [advice] if width is None else broken(advice, width, f"{_INDENT}  ")


def _summary(checks: Sequence[Check]) -> str:
    counts = Counter(check.verdict for check in checks)
    well = f"{counts[Verdict.OK]:,} ok"
    warnings = count(counts[Verdict.WARNING], "warning")
    if failed := counts[Verdict.FAILED]:
        return f"{count(failed, 'check')} failed, {warnings}, {well}."
    return f"No check failed: {warnings}, {well}." if counts[Verdict.WARNING] else f"All is well: {well}."
