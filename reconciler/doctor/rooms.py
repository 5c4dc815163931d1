"""Whether the rooms of a list exist, and what becomes of messages there when a review handler fails."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from reconciler.banlist.value import BanList
from reconciler.bans import AccountRegion, account_region_of, is_room_arn
from reconciler.operating_system import command_line
from reconciler.rooms import Room
from reconciler.verdicts import Check, failed, ok, warning
from reconciler.views.wording import count

ROOM = "room"
REVIEW = "message review"
DISCOVER = "discover"
REGION = "rooms"
ADVICE = "docs/ci.md, `Permissions in AWS`, says what ListRooms takes."

ListRooms = Callable[[Callable[[str], object], Collection[str] | None], Sequence[Room]]
"""The rooms of an account in a region. It is given what is told of what may be missing, and the ARNs to find; None is
all rooms."""


def rooms_of(ban_list: BanList) -> Mapping[str, str]:
    """The rooms that a list means one by one: ARN → what people call them."""
    used = {key.room_arn: key.room_arn for key in ban_list.bans if is_room_arn(key.room_arn)}
    return used | ban_list.room_names


def places_of(ban_list: BanList) -> Sequence[AccountRegion]:
    """Where the rooms of a list are. The account "" stands for those that the list names no role or profile for."""
    named = [account_region_of(arn) for arn in rooms_of(ban_list)]
    asked = [AccountRegion(discovery.account or "", discovery.region) for discovery in ban_list.discover]
    return sorted({_read_by(place, ban_list) for place in (*named, *asked)})


def _read_by(place: AccountRegion, ban_list: BanList) -> AccountRegion:
    return place if place.account in ban_list.accounts else place._replace(account="")


def examined(place: AccountRegion, ban_list: BanList, list_rooms: ListRooms, account: str | None) -> Iterator[Check]:
    """The verdicts on a list's rooms in an account and region.

    Args:
        place: one of `places_of`.
        ban_list: the list.
        list_rooms: the rooms that there are. Raises ReconcilerError.
        account: that of the credentials, if it is known.
    """
    region = place.region
    names = {
        arn: name for arn, name in rooms_of(ban_list).items() if _read_by(account_region_of(arn), ban_list) == place
    }
    discoveries = [
        (number, asked)
        for number, asked in enumerate(ban_list.discover)
        if _read_by(AccountRegion(asked.account or "", asked.region), ban_list) == place
    ]
    doubts: list[str] = []
    there = {room.arn: room for room in list_rooms(doubts.append, None if discoveries else names.keys())}
    yield from (warning(REGION, region, doubt, "Run `reconciler doctor` again.") for doubt in doubts)
    for arn, name in names.items():
        yield from _of_room(arn, name, there, account)
    for number, asked in discoveries:
        subject, found = f"discover[{number}]", sum(room.is_meant_by(asked) for room in there.values())
        if found:
            yield ok(DISCOVER, subject, f"It finds {count(found, 'room')} in {region}.")
        else:
            advice = (
                "Check its name_prefix, its tags and its account. `reconciler rooms` shows the rooms that there are."
            )
            yield warning(DISCOVER, subject, f"It finds no room in {region}.", advice)


def _of_room(arn: str, name: str, there: Mapping[str, Room], account: str | None) -> Iterable[Check]:
    if arn not in there:
        owner, region = account_region_of(arn)
        if account not in (None, owner):
            detail = f"It is a room of account {owner}, and the credentials show the rooms of account {account}."
            yield failed(ROOM, name, detail, f"Use credentials of account {owner}, or correct the ARN: {arn}.")
        else:
            yield failed(
                ROOM,
                name,
                f"There is no such room in {region}: {arn}.",
                "Correct its ARN, or take the room out of the list if it was deleted."
                f" `reconciler rooms --region {region}` shows the rooms that there are.",
            )
        return
    room = there[arn]
    called = f'It exists, as "{room.name}"' if room.name else "It exists, without a name"
    handler = room.handler
    yield ok(ROOM, name, f"{called}{'' if handler else '; no handler reviews its messages'}.")
    if handler is not None and handler.fallback == "DENY":
        yield ok(REVIEW, name, f"If {handler.uri} fails or is late, no message gets through.")
    elif handler is not None:
        command = [
            *("aws", "ivschat", "update-room", "--region", account_region_of(arn).region, "--identifier", arn),
            *("--message-review-handler", f"uri={handler.uri},fallbackResult=DENY"),
        ]
        yield warning(
            REVIEW,
            name,
            f"If {handler.uri} fails or is late, every message gets through, those of banned users too (fallbackResult"
            f" {handler.fallback}).",
            f"Where that is worse than silence: `{command_line(command)}`",
        )
