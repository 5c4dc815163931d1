"""Rooms as the service tells of them, and how those of an account compare with those of a list.

Source: shape `RoomSummary` of the service model `ivschat` 2020-07-14.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from reconciler.banlist.value import BanList, Discovery
from reconciler.bans import AccountRegion, account_region_of

LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReviewHandler:
    """What reviews the messages of a room.

    Attributes:
        uri: ARN of a Lambda function.
        fallback: what becomes of a message when it fails or is late: ALLOW or DENY.
    """

    uri: str
    fallback: str


@dataclass(frozen=True, slots=True)
class Room:
    """A room that there is.

    Attributes:
        arn: its ARN.
        name: its name in Amazon IVS, which need not be unique; may be empty.
        tags: its tags.
        handler: what reviews its messages, if anything does.
        made: when it was made; aware.
        updated: when it last changed; aware.
    """

    arn: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    handler: ReviewHandler | None = None
    made: datetime = LONG_AGO
    updated: datetime = LONG_AGO

    def is_meant_by(self, discovery: Discovery) -> bool:
        """Whether a list asks for it by `discover`."""
        account, region = account_region_of(self.arn)
        return (
            region == discovery.region
            and discovery.account in (None, account)
            and self.name.startswith(discovery.name_prefix or "")
            and all(self.tags.get(key) == value for key, value in discovery.tags.items())
        )


@dataclass(frozen=True, slots=True)
class ComparedRoom:
    """A room of an account, of a list, or of both.

    Attributes:
        arn: its ARN.
        room: as the service tells of it; None if it does not.
        listed_as: its name in the list; None if the list does not name it.
        discovered_by: which entries of `discover` ask for it, counted from 0.
        exists: None if that is not known, since its account is none that was looked into.
    """

    arn: str
    room: Room | None
    listed_as: str | None
    discovered_by: tuple[int, ...] = ()
    exists: bool | None = True


def compared(ban_list: BanList, found: Iterable[Room], regions: Sequence[str]) -> tuple[ComparedRoom, ...]:
    """The rooms of an account beside those of a list, by region, name and ARN.

    Args:
        ban_list: the list.
        found: the rooms of the account in these regions.
        regions: that were looked into; the list's rooms elsewhere are left out.
    """
    names = ban_list.room_names
    there = {room.arn: room for room in found}
    accounts = {account_region_of(arn).account for arn in there}
    rows = [
        ComparedRoom(
            arn, room, names.get(arn), tuple(n for n, asked in enumerate(ban_list.discover) if room.is_meant_by(asked))
        )
        for arn, room in there.items()
    ]
    rows += [
        ComparedRoom(arn, None, name, exists=False if account_region_of(arn).account in accounts else None)
        for arn, name in names.items()
        if arn not in there and account_region_of(arn).region in regions
    ]
    return tuple(sorted(rows, key=_place_of))


def regions_of(ban_list: BanList) -> tuple[str, ...]:
    """The regions of the list's rooms, and those in which it has rooms found; sorted."""
    named = {account_region_of(arn).region for arn in ban_list.rooms.values()}
    return tuple(sorted(named | {discovery.region for discovery in ban_list.discover}))


def places_of(ban_list: BanList, regions: Sequence[str]) -> tuple[AccountRegion, ...]:
    """Where to look for the rooms of these regions: in each account that the list names a role or profile for.

    The account "" stands for that of the usual credentials, which are asked unless the list names all its accounts.
    """
    accounts = {account_region_of(arn).account for arn in ban_list.rooms.values()}
    accounts |= {discovery.account or "" for discovery in ban_list.discover}
    named = sorted(ban_list.accounts)
    if not named or accounts - set(named):
        named.insert(0, "")
    return tuple(AccountRegion(account, region) for region in regions for account in named)


def _place_of(row: ComparedRoom) -> tuple[str, str, str]:
    name = row.room.name if row.room is not None else row.listed_as
    return account_region_of(row.arn).region, name or "", row.arn
