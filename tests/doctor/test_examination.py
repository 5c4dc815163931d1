"""Looking at several things side by side."""

import threading
from collections.abc import Iterable, Iterator

from reconciler.doctor.examination import Examination, examine
from reconciler.errors import DenylistUnreadable, RoomsUnknown
from reconciler.verdicts import Check, Verdict, ok


def fine() -> Iterator[Check]:
    yield ok("a", "1", "Fine.")
    yield ok("a", "2", "Fine.")


def raising(error: BaseException) -> Iterator[Check]:
    yield ok("b", "1", "So far.")
    raise error


def hanging() -> Iterable[Check]:
    threading.Event().wait(60)
    return []


def test_each_has_its_say_in_order_whatever_becomes_of_the_others() -> None:
    denied = RoomsUnknown("Denied.", "x" * 10)
    found = examine(
        [
            Examination("late", "s", hanging, "", seconds=0.1),
            Examination("a", "s", fine, ""),
            Examination("denied", "s", lambda: raising(denied), "Allow it.", unknown=Verdict.WARNING),
            Examination("odd", "s", lambda: raising(ValueError("secret")), ""),
            Examination("private", "s", lambda: raising(DenylistUnreadable("alice is gone.", private=["alice"])), "?"),
        ]
    )
    assert [(check.name, check.subject, check.verdict.value, check.detail) for check in found] == [
        ("late", "s", "failed", "There was no whole answer within 0 s."),
        ("a", "1", "ok", "Fine."),
        ("a", "2", "ok", "Fine."),
        ("denied", "s", "warning", "Denied. xxxxxxxxxx"),
        ("odd", "s", "failed", "It cannot be looked at: ValueError."),
        ("private", "s", "failed", "alice is gone."),
    ]
    assert all(check.advice for check in found if check.verdict is not Verdict.OK)
    assert found[-1].private == ("alice",)


def test_more_than_there_are_threads_are_all_looked_at() -> None:
    assert len(examine([Examination("a", str(number), fine, "") for number in range(100)])) == 200


def test_nothing_to_look_at_is_nothing_found() -> None:
    assert examine([]) == []
