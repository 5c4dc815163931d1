"""A denylist in a table of DynamoDB, a row for each ban, so that a token service asks for one user alone.

The rows are those of `reconciler.denylist.rows`. Several lists share a table, each under a name of its own. The head of
a list is written on condition that nobody else has; while a publication is under way it is open, and whoever finds it
open looks at all rows, and mends what is wrong. A list without a head is none: readers take it for unavailable, so the
head of a new one is written after its first rows.
"""

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler.bans import BanKey
from reconciler.denylist import rows
from reconciler.denylist.rows import Row, RowKey
from reconciler.denylist.value import Bans, Contents, End, Head, Provisional
from reconciler.errors import DenylistChanged, DenylistDamaged, DenylistError
from reconciler.publishers.publisher import Failures, Means, Publisher
from reconciler.publishers.table import WRITERS, Condition, Table

if TYPE_CHECKING:
    from datetime import datetime

_ATTRIBUTES: Final = "pk, sk, expires_at"
_NOT_THERE: Final = Condition("attribute_not_exists(pk)", {}, {})


class DynamoDBPublisher(Publisher):
    """Publishes a denylist in a table.

    Args:
        location: `dynamodb://REGION/TABLE`.
    """

    always_compare = False
    _or_name = ", or its denylist another name"

    def __init__(self, location: str, name: str, means: Means) -> None:
        super().__init__(location, name, means)
        self._table = Table(location, means.sleep, means.profile)
        self._was: Head | None = None  # the head as it should still be
        self._ours: Head | None = None  # the head of the publication that has begun
        self._provisional: Collection[BanKey] | None = None  # what was there, if we have read it

    @property
    @override
    def is_on_aws(self) -> bool:
        return self._table.is_on_aws

    @override
    def read_head(self) -> Head | None:
        row = self._table.get(rows.head_key(self.name))
        if row is None:
            return None
        try:
            return rows.head_of(row)
        except DenylistDamaged as error:
            raise DenylistDamaged(
                f"{self.location}: the row with the pk {rows.HEAD} and the sk {self.name} is damaged: {error}. Remove"
                " that row, and apply again: readers take the denylist for unavailable meanwhile."
            ) from error

    @override
    def read(self) -> Contents:
        head = self.read_head()
        contents = self._of_rows(head, self._table.scan(_ATTRIBUTES, self._of_this_name(or_provisional=True)))
        self._provisional = set(contents.provisional)
        return contents

    @override
    def read_user(self, user_id: str) -> Contents:
        head = self.read_head()
        return self._of_rows(head, self._table.query(rows.user_pk(user_id), _ATTRIBUTES))

    def _of_rows(self, head: Head | None, found: Iterable[Row]) -> Contents:
        bans: dict[BanKey, End] = {}
        provisional: dict[BanKey, datetime] = {}
        for row in found:
            pk, sk, end = str(row["pk"]), str(row["sk"]), rows.end_of(row.get("expires_at"))
            if (key := rows.ban_of(pk, sk, self.name)) is not None:
                bans[key] = end
            elif (key := rows.provisional_of(pk, sk)) is not None and end is not None:
                provisional[key] = end
        return Contents(head, bans, provisional)

    @override
    def begin(self, lineage: str, settle_after: int, *, adopt: bool = False) -> Head:
        was = self.read_head()
        self.check_owner(was, lineage, adopt=adopt)
        serial, count = (was.serial + 1, was.count) if was else (1, 0)
        if was is not None:
            # Its serial from here on: otherwise a run that is killed before `end` shares it with the next, and a state
            # that was put back would not show.
            opened = replace(was, lineage=lineage, serial=serial, open=True)
            self._replace_head(was, opened)
            was = opened
        self._was = was
        self._ours = Head(lineage, serial, count, settle_after, self._now())
        return self._ours

    @override
    def publish(
        self, entries: Bans, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Failures:
        if self._ours is None:
            raise ValueError("no publication has begun")
        published_at = self._now()

        def change(key: BanKey) -> tuple[RowKey, Row | None]:
            row_key = rows.ban_key(key, self.name)
            return row_key, rows.entry(row_key, entries[key], published_at) if key in entries else None

        failed = self._table.write([*entries, *(set(remove) - entries.keys())], change)
        # One that cannot be taken out ends by itself.
        gone = set(superseded) - failed.keys()
        self.take_provisional(gone if self._provisional is None else gone.intersection(self._provisional))
        if self._was is None and not failed:
            first = replace(self._ours, count=len(entries), published_at=published_at, open=True)
            self._replace_head(None, first)
            self._was = first
        return failed

    @override
    def end(self, count: int) -> None:
        if self._ours is None:
            raise ValueError("no publication has begun")
        self._replace_head(self._was, replace(self._ours, count=count, published_at=self._now()))
        self._ours = None

    @override
    def put_provisional(self, entries: Provisional) -> Failures:
        try:
            if self.read_head() is None:
                return dict.fromkeys(entries, self._nothing_published())
        except DenylistError as error:
            return dict.fromkeys(entries, error)
        published_at = self._now()

        def put(key: BanKey) -> DenylistError | None:
            row = rows.entry(rows.provisional_key(key), entries[key], published_at)
            ends_sooner = Condition(
                "attribute_not_exists(pk) OR #ttl < :ttl", {":ttl": rows.ttl(entries[key])}, {"#ttl": "ttl"}
            )
            try:
                self._table.put(row, ends_sooner)
            except DenylistError as error:
                return error
            return None

        with ThreadPoolExecutor(WRITERS) as threads:
            return {
                key: error for key, error in zip(entries, threads.map(put, entries), strict=True) if error is not None
            }

    @override
    def take_provisional(self, keys: Collection[BanKey]) -> Failures:
        return self._table.write(set(keys), lambda key: (rows.provisional_key(key), None))

    @override
    def retire(self, lineage: str) -> None:
        head = self.read_head()
        self.check_owner(head, lineage)
        # The head first: a reader who still asks here is to find the denylist unavailable, rather than empty.
        if head is not None and not self._table.delete(rows.head_key(self.name), _still(head)):
            raise self._changed()
        found = self._table.scan("pk, sk", self._of_this_name())
        ours = [key for row in found if (key := rows.ban_of(str(row["pk"]), str(row["sk"]), self.name)) is not None]
        failed = self._table.write(ours, lambda key: (rows.ban_key(key, self.name), None))
        for error in failed.values():
            raise error

    @override
    def ttl_problem(self) -> str | None:
        return self._table.ttl_problem()

    def _of_this_name(self, *, or_provisional: bool = False) -> Condition:
        """More or less: `contains` finds names that only begin with this one too."""
        values = {":user": rows.USER, ":ban": rows.BAN, ":name": f"#{self.name}"}
        ours = "begins_with(sk, :ban) AND contains(sk, :name)"
        if or_provisional:
            values[":now"] = rows.NOW
            ours = f"({ours} OR begins_with(sk, :now))"
        return Condition(f"begins_with(pk, :user) AND {ours}", values, {})

    def _replace_head(self, was: Head | None, head: Head) -> None:
        """Write the head if it is what it was. Raises DenylistChanged, DenylistForeign or DenylistUnwritable."""
        if self._table.put(rows.head_row(head, self.name), _NOT_THERE if was is None else _still(was)):
            return
        there = self.read_head()
        if there != head:  # else an answer was lost on the way, and the second try met the first
            self.check_owner(there, head.lineage)
            raise self._changed()

    def _changed(self) -> DenylistChanged:
        return DenylistChanged(
            f'Somebody else has published the denylist "{self.name}" in {self.location} during this run. Let only one'
            " apply run at a time, and apply again."
        )


def _still(head: Head) -> Condition:
    return Condition("lineage = :lineage AND serial = :serial", {":lineage": head.lineage, ":serial": head.serial}, {})
