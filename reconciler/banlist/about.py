"""What a ban list says about a few users: its head and their entries are read, and the rest is passed over.

So an answer about one user does not wait for a hundred thousand others, nor for somebody to mend their entries. Of a
valid list, what is read this way is what reading all of it gives. A file whose entries have no lines of their own is
read whole.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.banlist.read import parse
from reconciler.banlist.value import BanList, Find, NotIncluded
from reconciler.bans import Ban, BanKey
from reconciler.yamltext.places import walk
from reconciler.yamltext.read import read

_KEY: Final = re.compile(rb"\nbans:[ ]*(?:#[^\n]*)?(?=\n)")  # patterns that begin with a fixed byte are found fastest
_FIRST: Final = re.compile(rb"(?:\n[ ]*(?:#[^\n]*)?(?=\n))*\n([ ]*)-(?=[ \n])")
_WORDS: Final = re.compile(r"[\s']+")  # a text may be broken where it has spaces, and a quote may be written twice
_BEFORE: Final = 64  # bytes to look at before a text in quotes
_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
_NO_BANS: Final = b"\nbans: []"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list, as it is written.

    Attributes:
        path: the file, as messages name it.
        line: where it begins, counted from 1.
        text: its lines, without the comments and blank lines that follow.
    """

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A file of a list with only some of its entries, among them all those of some users.

    Attributes:
        content: the file without the others.
        entries: those that are left, in their order: the line of each, and its text. None if all are left.
    """

    content: bytes
    entries: tuple[tuple[int, str], ...] | None = None

    def texts(self) -> Iterator[tuple[int, str]]:
        """The line and the text of each entry that is left."""
        return iter(self.entries) if self.entries is not None else _walked(self.content)


@dataclass(slots=True)
class About:
    """What a list says about some users.

    Attributes:
        ban_list: the list with their bans, and perhaps those of others.
        entries: where their bans stand; those of others are left out.
    """

    ban_list: BanList
    entries: Mapping[BanKey, Entry] = field(default_factory=dict)


def parse_about(content: bytes, path: str, users: Collection[str], find: Find) -> About:
    """Read what a list says about some users. Other entries may be wrong, and are not looked at.

    Args:
        content: the file.
        path: its name, for messages.
        users: their IDs.
        find: gives the files that it includes.

    Raises:
        BanListInvalid: something in the head or in their entries is wrong; lines are those of the excerpt.
    """
    excerpts = {path: excerpt(content, users)}

    def find_excerpts(patterns: Sequence[str]) -> Sequence[Sequence[tuple[str, bytes]] | NotIncluded]:
        found: list[Sequence[tuple[str, bytes]] | NotIncluded] = []
        for files in find(patterns):
            if isinstance(files, NotIncluded):
                found.append(files)
            else:
                excerpts.update((name, excerpt(inside, users)) for name, inside in files)
                found.append([(name, excerpts[name].content) for name, _ in files])
        return found

    ban_list = parse(excerpts[path].content, path, find=find_excerpts)
    wanted = frozenset(users)
    # The bans of an entry share their terms with no other entry, and come in the order of the entries.
    number_of = {id(ban): number for number, ban in enumerate(_each_once(ban_list.bans.values()))}
    place_of = dict(enumerate(_entries(excerpts)))
    entries = {key: place_of[number_of[id(ban)]] for key, ban in ban_list.bans.items() if key.user_id in wanted}
    return About(ban_list, entries)


def excerpt(content: bytes, users: Collection[str]) -> Excerpt:
    """A file without the entries that are certainly of other users.

    In a valid list, a line that begins with a dash as far in as that of the first entry begins an entry: what belongs
    to an entry is further in.
    """
    text = b"\n" + content if content.startswith(b"bans:") else content
    added = len(text) - len(content)
    key = _KEY.search(text)
    needles = [_needle(user) for user in users]
    first = _FIRST.match(text, key.end()) if key is not None else None
    if key is None or first is None or b"\r" in content or not all(needles):
        return Excerpt(content)
    dash = re.compile(b"\n" + first[1] + rb"-(?=[ \n])")
    after = re.compile(rb"\n[^ \n#]" if first[1] else rb"\n(?:[^ \n#-]|-[^ \n])").search(text, first.end())
    begin, end = first.start(1) - 1, after.start() if after is not None else len(text)
    spans = sorted(dict(_spans(text, needles, dash, begin, end)).items())
    kept = b"".join(text[start:stop] for start, stop in spans)
    bans = text[key.start() : begin] + kept if kept else _NO_BANS
    line, counted, entries = 1 - added, 0, []
    for start, stop in spans:
        line += text.count(b"\n", counted, start + 1)
        counted = start + 1
        entries.append((line, _trimmed(text[start + 1 : stop].decode("utf-8", "replace"))))
    left = (text[: key.start()] + bans + text[end:])[added:]
    return Excerpt(left if left.endswith(b"\n") else left + b"\n", tuple(entries))


def may_mention(content: bytes, user: str) -> bool:
    """Whether a file may have an entry of a user; quick, and False only if it has none."""
    needle = _needle(user)
    if not needle or needle in content:
        return True
    place = content.find(b"\\")
    while place >= 0 and not _may_be_user(content, content.rfind(b'"', 0, place), 0):
        place = content.find(b"\\", place + 1)
    return place >= 0


def user_ids(content: bytes) -> set[str]:
    """Most of the user IDs in a file, quick: some may not be there, and one with escapes is not as it is."""
    return {(found[1] or found[2] or found[3]).decode("utf-8", "replace") for found in _WRITTEN.finditer(content)} - {
        ""
    }


_WRITTEN: Final = re.compile(rb"user_id[\"']?: *(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\"'\s#,}][^\n#,}]*(?<! )))")


def _needle(user: str) -> bytes:
    """What stands in a file that has a user, however it is written, unless with escapes; may be empty."""
    return max(_WORDS.split(user), key=len).encode("utf-8", "surrogatepass")


def _spans(
    text: bytes, needles: Collection[bytes], dash: re.Pattern[bytes], begin: int, end: int
) -> Iterator[tuple[int, int]]:
    """The entries that have a needle in them, or an escape in their user ID: from the line break before each."""
    for sign in (*needles, b"\\"):
        place = text.find(sign, begin, end)
        while place >= 0:
            if sign != b"\\" or _may_be_user(text, text.rfind(b'"', begin, place), begin):
                start = text.rfind(b"\n", begin, place)
                while start > begin and not dash.match(text, start):
                    start = text.rfind(b"\n", begin, start)
                following = dash.search(text, place, end)
                stop = following.start() if following is not None else end
                yield max(start, begin), stop
                place = stop - 1
            place = text.find(sign, place + 1, end)


def _may_be_user(text: bytes, quote: int, begin: int) -> bool:
    """Whether what begins at a quote may be a user ID, or the key of one."""
    before = text[max(begin, quote - _BEFORE) : quote].rstrip(b" ")
    if before.endswith(b":"):
        return before[:-1].rstrip(b" \n\"'").endswith(b"user_id")
    return quote >= 0 and before[-1:] in b"\n,{?-"


def _each_once(bans: Collection[Ban]) -> Iterator[Ban]:
    seen: set[int] = set()
    for ban in bans:
        if id(ban) not in seen:
            seen.add(id(ban))
            yield ban


def _entries(excerpts: Mapping[str, Excerpt]) -> Iterator[Entry]:
    """All entries that are left in the files, in their order."""
    for path, part in excerpts.items():
        for line, text in part.texts():
            yield Entry(path, line, text)


def _walked(content: bytes) -> Iterator[tuple[int, str]]:
    """The entries of a whole file, by its events."""
    lines = _LINE_BREAK.split(content.decode("utf-8-sig", "replace"))
    begin: int | None = None
    for path, _, event in walk(read(content)):
        if path is None or len(path) != 2 or path[0] != "bans":
            continue
        if begin is None:
            begin = event.start_mark.line
        else:
            mark = event.end_mark
            last = mark.line + (mark.column > 0)
            yield begin + 1, _trimmed("\n".join(lines[begin:last]))
            begin = None


def _trimmed(text: str) -> str:
    """The lines of an entry without the comments and blank lines at their end."""
    lines = text.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return "\n".join(lines)
