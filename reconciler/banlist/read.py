"""`bans.yaml`: from the file to the bans that it means, or to everything that is wrong with it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple

from reconciler.banlist.expand import expand
from reconciler.banlist.explain import unknown_in_included
from reconciler.banlist.head import Settings, read_head
from reconciler.banlist.problems import ListFile, Problems
from reconciler.banlist.rooms import RoomNames
from reconciler.banlist.schema import EXAMPLE_TIME
from reconciler.banlist.slips import clarified
from reconciler.banlist.value import BanList, Find, NotIncluded
from reconciler.bans import EVERYWHERE, BanKey, account_region_of
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.values import Document, NotText


class Reading(NamedTuple):
    """A ban list, and the files that say it.

    Attributes:
        ban_list: what it says.
        settings: what its head says.
        files: the list, then the files that it includes.
    """

    ban_list: BanList
    settings: Settings
    files: tuple[ListFile, ...]


def _no_files(patterns: Sequence[str]) -> Sequence[NotIncluded]:
    return [
        NotIncluded("only a list that is read from a file can include others, and this one is not") for _ in patterns
    ]


def parse(
    content: bytes, path: str = "bans.yaml", *, find: Find = _no_files, pure: bool = False, strict: bool = False
) -> BanList:
    """Read a ban list.

    Args:
        content: the file.
        path: its name, for messages.
        find: gives the files that it includes.
        pure: read it without the C parser; the result is the same.
        strict: warnings are problems.

    Raises:
        BanListInvalid: with every problem in it, and in the files that it includes.
    """
    return read_whole(content, path, find=find, pure=pure, strict=strict).ban_list


def read_whole(
    content: bytes, path: str = "bans.yaml", *, find: Find = _no_files, pure: bool = False, strict: bool = False
) -> Reading:
    """Read a ban list, and keep what its files say, for whoever wants to change them. As `parse`."""
    problems = Problems(strict=strict)
    reading = _read(content, path, find, problems, pure=pure)
    if reading is None or problems:
        raise problems.error()
    return reading._replace(ban_list=replace(reading.ban_list, warnings=problems.warnings()))


def _read(content: bytes, path: str, find: Find, problems: Problems, *, pure: bool) -> Reading | None:
    """What the list says; only of use when there are no problems."""
    main = _file(content, path, problems, pure=pure)
    settings = read_head(main, problems) if main is not None else None
    if main is None or settings is None:
        return None
    included = [*_included(main, settings.include or (), find, problems, pure=pure)]
    bans = expand([main, *included], settings, problems)
    _warn_of_idle_accounts(main, settings, bans, problems)
    ban_list = BanList(
        path=path,
        sha256=_digest(main, included),
        state=settings.state,
        rooms=settings.rooms.arns,
        guardrails=settings.guardrails,
        rate=settings.rate,
        bans=bans,
        included=tuple(file.path for file in included),
        denylist=settings.denylist,
        discover=settings.discover,
        accounts=settings.accounts,
    )
    return Reading(ban_list, settings, (main, *included))


def _warn_of_idle_accounts(main: ListFile, settings: Settings, bans: Iterable[BanKey], problems: Problems) -> None:
    """Warn of accounts in which nothing is called."""
    if not settings.accounts or (settings.denylist is not None and settings.denylist.token_records is not None):
        return  # token records may name rooms of any account that the list knows
    rooms = {*settings.rooms.arns.values(), *(key.room_arn for key in bans)} - {EVERYWHERE}
    used = {account_region_of(room).account for room in rooms} | {found.account for found in settings.discover}
    for account, access in settings.accounts.items():
        if account not in used:
            key = "profile" if access.role_arn is None else "role_arn"
            message = f"no room of the list is in account {account}, so this is not used; correct the account"
            problems.warn(main, ("accounts", account, key), f"{message}, add its rooms, or remove this")


def read_alone(content: bytes, path: str = "bans.yaml", *, pure: bool = False) -> Document:
    """Read one file and check it by itself: a whole ban list, or a part of one, which holds only `bans`.

    The room names in such a part are not checked: the list that includes it defines them.

    Args:
        content: the file.
        path: its name, for messages.
        pure: read it without the C parser; the result is the same.

    Returns:
        What the file says.

    Raises:
        BanListInvalid: with every problem in it.
    """
    problems = Problems()
    file = _file(content, path, problems, pure=pure)
    if file is not None:
        data = file.document.data
        is_part = isinstance(data, dict) and data.keys() == {"bans"}
        settings = Settings(RoomNames({}, None), default_rooms=()) if is_part else read_head(file, problems)
        if settings is not None:
            expand([file], settings, problems)
    if file is None or problems:
        raise problems.error()
    return file.document


def _file(content: bytes, path: str, problems: Problems, *, pure: bool) -> ListFile | None:
    """A file; None if it cannot be read to its end, for then nobody can say what it lacks."""
    try:
        document = clarified(content, yamltext.read(content, pure=pure))
    except NotText as error:
        problems.add_unread(path, error.mark, str(error))
        return None
    file = ListFile.of(path, content, document)
    problems.files[path] = file
    for empty in document.empty:
        # An end that somebody forgot to fill in is not to become a ban for good.
        if empty[-1:] == ("expires_at",):
            message = f"has no value; write {EXAMPLE_TIME}, or `never`, or leave the line out"
            problems.add(file, empty, message, at_key=True)
    return file if document.complete else None


def _included(
    main: ListFile, patterns: Sequence[str], find: Find, problems: Problems, *, pure: bool
) -> Iterator[ListFile]:
    """The files that are included, each once."""
    for index, found in enumerate(find(patterns) if patterns else ()):
        if isinstance(found, NotIncluded):
            problems.add(main, ("include", index), found.why)
            continue
        for path, content in found:
            file = _file(content, path, problems, pure=pure) if path not in problems.files else None
            if file is None:
                continue
            data = file.document.data
            if isinstance(data, dict):
                for key in data.keys() - {"bans"}:
                    problems.add(file, (key,), unknown_in_included(key), at_key=True)
                yield file
            else:
                nothing = "the file is empty" if data is None else "this is not a list of bans"
                problems.add(file, (), f"{nothing}; write `bans:` and the bans below it, or `bans: []`")


def _digest(main: ListFile, included: Sequence[ListFile]) -> str:
    """The SHA-256 of a list, with the names and contents of the files that it includes."""
    digest = sha256(main.content).hexdigest()
    if not included:
        return digest
    folder = os.path.join(os.path.dirname(main.path), "")  # the list may be named from another folder next time
    parts = [digest, *(f"{sha256(file.content).hexdigest()} {file.path.removeprefix(folder)}" for file in included)]
    return sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
