"""What a denylist in a file and one on S3 share: one JSON document, replaced as a whole, and lost to nobody.

Every change is made to the document as it stands, so that of two writers neither undoes what the other has done.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from secrets import SystemRandom
from typing import Final, Generic, TypeVar

from typing_extensions import override  # in typing since Python 3.12

from reconciler.bans import BanKey
from reconciler.denylist import document
from reconciler.denylist.value import Bans, Contents, Head, Provisional, in_force
from reconciler.errors import (
    DenylistChanged,
    DenylistDamaged,
    DenylistError,
    DenylistTooNew,
    DenylistUnreadable,
    DenylistUnwritable,
    NotADenylist,
)
from reconciler.publishers.publisher import Failures, Means, Publisher
from reconciler.reading import MEBIBYTE

Version = TypeVar("Version")  # identifies exactly one content of a place

# Seconds between attempts to replace a document that others replace too, up to half less by chance: two that met once
# are not to meet each time.
PAUSES: Final = (0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0)
LARGEST: Final = 256 * MEBIBYTE  # bytes; the gate reads no larger document
_JITTER: Final = SystemRandom()


class Overtaken(Exception):
    """The document is another one by now, so that it was not replaced."""


class DocumentPublisher(Publisher, Generic[Version]):
    """Publishes a denylist as one document."""

    def __init__(self, location: str, name: str, means: Means) -> None:
        super().__init__(location, name, means)
        self._known: tuple[Contents, Version] | None = None  # the document as we last read or wrote it
        self._ours: Head | None = None  # the head of the publication that has begun
        self._heads: list[Head | None] = []  # what the document may say then: the head before, and those we wrote

    @override
    def read_head(self) -> Head | None:
        return self.read().head

    @override
    def read(self) -> Contents:
        contents, _ = self._current()
        return contents

    @override
    def begin(self, lineage: str, settle_after: int, *, adopt: bool = False) -> Head:
        was = self.read_head()
        self.check_owner(was, lineage, adopt=adopt)
        self._heads = [was]
        self._ours = Head(lineage, was.serial + 1 if was else 1, was.count if was else 0, settle_after, self._now())
        return self._ours

    @override
    def publish(
        self, entries: Bans, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Failures:
        gone, reviewed = set(remove), set(superseded)

        def edit(there: Contents) -> Contents:
            bans = {key: end for key, end in there.bans.items() if key not in gone} if gone else dict(there.bans)
            bans.update(entries)
            provisional = {key: end for key, end in there.provisional.items() if key not in reviewed}
            return self._published(there, bans, provisional)

        return self._try(edit, [*entries, *remove])

    @override
    def end(self, count: int) -> None:
        self._change(lambda there: self._published(there, there.bans, there.provisional))

    @override
    def put_provisional(self, entries: Provisional) -> Failures:
        def edit(there: Contents) -> Contents:
            if there.head is None:
                raise self._nothing_published()
            now = self._now()
            longer = {key: end for key, end in entries.items() if end > there.provisional.get(key, now)}
            return replace(there, provisional=in_force({**there.provisional, **longer}, now)) if longer else there

        return self._try(edit, entries)

    @override
    def take_provisional(self, keys: Collection[BanKey]) -> Failures:
        taken = set(keys)

        def edit(there: Contents) -> Contents:
            left = {key: end for key, end in there.provisional.items() if key not in taken}
            return replace(there, provisional=in_force(left, self._now())) if left != there.provisional else there

        return self._try(edit, keys)

    @override
    def retire(self, lineage: str) -> None:
        if self.read_head() is None:  # nor need there be a folder, in which to take a lock
            return

        def delete() -> None:
            there, version = self._current()
            self.check_owner(there.head, lineage)
            if there.head is not None:
                self._delete(version)
                self._known = None

        self._again_if_overtaken(delete)

    def _published(self, there: Contents, bans: Bans, provisional: Provisional) -> Contents:
        """The document of this publication; `there` itself if it is that already."""
        ours = self._ours
        if ours is None:
            raise ValueError("no publication has begun")
        if there.head not in self._heads:
            raise DenylistChanged(
                f"Somebody else has published {self.location} during this run, so it is left as it is. Let only one"
                " apply run at a time, and apply again."
            )
        if there.head != self._heads[0] and bans == there.bans and provisional == there.provisional:
            return there
        now = self._now()
        head = replace(ours, count=len(bans), published_at=now)
        self._heads.append(head)
        return Contents(head, bans, in_force(provisional, now))

    def _try(self, edit: Callable[[Contents], Contents], keys: Iterable[BanKey]) -> Failures:
        """Change the document. If that fails, all keys fail together."""
        try:
            self._change(edit)
        except DenylistError as error:
            return dict.fromkeys(keys, error)
        return {}

    def _change(self, edit: Callable[[Contents], Contents]) -> None:
        """Replace the document by what `edit` makes of it, unless that is the same. Raises DenylistError."""

        def change() -> None:
            there, version = self._current()
            edited = edit(there)
            if edited is not there:
                content = document.dumps(edited)
                if len(content) > LARGEST:
                    raise DenylistUnwritable(
                        f"{self.location} is left as it is: with these bans it would be {len(content) // MEBIBYTE:,}"
                        f" MiB, and gates read at most {LARGEST // MEBIBYTE} MiB. Publish so many bans in DynamoDB."
                    )
                self._known = edited, self._replace(content, version)

        self._again_if_overtaken(change)

    def _again_if_overtaken(self, change: Callable[[], None]) -> None:
        for pause in (*PAUSES, None):
            try:
                with self._alone():
                    return change()
            except Overtaken:
                if pause is not None:
                    self._pause(pause * _JITTER.uniform(0.5, 1.0))
        raise DenylistUnwritable(
            f"{self.location} cannot be written: {len(PAUSES) + 1} times somebody else replaced it in the same moment."
            " Find out what writes there, and apply again."
        )

    def _current(self) -> tuple[Contents, Version]:
        """The document and its version. Raises DenylistError."""
        content, version = self._load(self._known[1] if self._known else None)
        if content is not None:
            self._known = self._read(content), version
        elif self._known is None or self._known[1] != version:
            self._known = Contents(), version
        return self._known

    def _require_size(self, size: int) -> None:
        """Before a document of so many bytes is read. Raises DenylistUnreadable."""
        if size > LARGEST:
            raise DenylistUnreadable(
                f"{self.location} cannot be read: it is larger than {LARGEST // MEBIBYTE} MiB. If it is something else,"
                " give the denylist another location."
            )

    def _read(self, content: bytes) -> Contents:
        try:
            return document.loads(content)
        except NotADenylist as error:
            raise NotADenylist(
                f"{self.location} is not a denylist: {error}. It is left as it is. Give the denylist another location;"
                " or, if nobody needs what is there, remove it, and apply again."
            ) from error
        except DenylistDamaged as error:
            raise DenylistDamaged(
                f"{self.location} is damaged: {error}. It is left as it is. Take the last good one from a copy; or"
                " remove it, and apply again: that publishes everybody who is banned, but no provisional bans."
            ) from error
        except DenylistTooNew as error:
            raise DenylistTooNew(f"{self.location}: {error}. Upgrade reconciler, and run it again.") from error

    @abstractmethod
    def _load(self, known: Version | None) -> tuple[bytes | None, Version]:
        """The document and its version; no document where there is none, or where the version is `known`.

        Raises:
            DenylistUnreadable: it cannot be opened.
        """

    @abstractmethod
    def _replace(self, content: bytes, version: Version) -> Version:
        """Put another document in place of this version.

        Returns:
            Its own version.

        Raises:
            Overtaken: there is another version by now.
            DenylistUnwritable: it was not written.
        """

    @abstractmethod
    def _delete(self, version: Version) -> None:
        """Remove the document, if there is one. Raises as `_replace` does."""

    def _alone(self) -> AbstractContextManager[object]:
        """Keep others from writing, where they can be kept. Raises DenylistUnwritable."""
        return nullcontext()
