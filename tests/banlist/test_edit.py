"""Changes of a list in place: nothing but what was asked for changes, and what is put in can be taken out again."""

from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.banlist import edit
from reconciler.banlist.edit import NewEntry
from reconciler.banlist.read import parse
from reconciler.banlist.splice import Edit, spliced
from reconciler.banlist.survey import Survey, survey
from reconciler.bans import Ban, BanKey
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.characters import decode
from tests.builders import FINALS, LOBBY
from tests.yaml_texts import ban_list_texts

HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
ROOMS = {"lobby": LOBBY, "finals": FINALS}


def surveyed(text: str, wanted: Collection[int] = ()) -> Survey:
    document = yamltext.read(text.encode())
    assert not document.faults
    return survey(decode(text.encode()), document, wanted)


def with_entries(text: str, *entries: NewEntry) -> str:
    return spliced(text, edit.add(surveyed(text), entries))


def without(text: str, *gone: int) -> str:
    return spliced(text, edit.remove(surveyed(text, gone), gone))


def bans(text: str) -> dict[BanKey, Ban]:
    return dict(parse(text.encode()).bans)


ZED = NewEntry("zed", ("lobby",), "was: rude")
ODD = NewEntry("00123", ("lobby", "finals"), "x, y", "2027-01-31T00:00:00Z", "see #7")

STYLES = [
    "bans: []\n",
    "bans: []  # nobody\n# tail",
    "bans: []",
    "bans: [ ]\n",
    "bans:   []\n",
    "bans: [\n]\n",
    "bans:\n  - user_id: a\n    rooms: [lobby]\n",
    "bans:\n  - user_id: a\n    rooms: [lobby]",
    "bans:\n- user_id: a\n  rooms:\n  - lobby\n  # deeper\n# tail\n",
    "bans:\n- user_id: a\n  rooms:\n  - lobby\n\n- user_id: 'b'\n  reason: 'x'\n  rooms:\n  - lobby\n\n# t\nrate: 5\n",
    "bans: [{user_id: a, rooms: [lobby]}]\n",
    "bans: [ { user_id: a, rooms: [lobby] } ]\n",
    "bans: [\n  {user_id: a, rooms: [lobby]},  # c\n  {user_id: b, rooms: [lobby]}  # d\n]\n",
    "bans: [\n  {user_id: a, rooms: [lobby]},  # c\n  {user_id: b, rooms: [lobby]},  # d\n]\n",
    "bans: [\n  {user_id: a, rooms: [lobby]},\n  {user_id: b, rooms: [lobby]}]\n",
    "bans:\n  - {user_id: a, rooms: [lobby]}\n",
    "bans:\n  - user_id: a\n    rooms: [lobby]\n    note: |+\n      text\n\n\nstate: x.json\n",
    "bans:\n  -\n    user_id: a\n    rooms: [lobby]\n",
    "bans:\n  -   user_id: a\n      rooms: [lobby]\n",
    "bans:\n  - rooms:\n      - lobby\n    user_id: a # who\n    # why\n\n# tail\n",
    "bans: [  # c\n  {user_id: a, rooms: [lobby]}]\n",
    "bans: [\n  {user_id: a, rooms: [lobby]},  ]\n",
    "bans: [\n  {user_id: a, rooms: [lobby]} # c\n  ,]\n",
    "bans: [\n  {user_id: a, rooms: [lobby]}  \n]\n",
    "bans:\n-\n user_id: a\n rooms:\n - lobby\n",
    "bans:\n  - user_id: a\n    ? rooms # a: b\n    : - lobby\n",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("style", STYLES)
def test_what_is_put_in_means_itself_and_can_be_taken_out_again(style: str, newline: str) -> None:
    text = (HEAD + style).replace("\n", newline)
    before = bans(text)
    for entries in ([ZED], [ZED, ODD], [ODD, ZED]):
        changed = with_entries(text, *entries)
        new = {BanKey(ROOMS[room], entry.user_id) for entry in entries for room in entry.rooms or ()}
        assert bans(changed).keys() == before.keys() | new
        assert {key: ban for key, ban in bans(changed).items() if key in before} == before
        assert without(changed, *range(len(surveyed(text).begins), len(surveyed(changed).begins))) == text


def test_a_bracket_never_ends_up_in_a_comment() -> None:
    for gone in (
        "bans: [ # c\n  {user_id: a, rooms: [lobby]}]\n",
        "bans: [\n  # c\n  {user_id: a, rooms: [lobby]},\n  {user_id: b, rooms: [lobby]}]\n",
        "bans: [ # c\n  {user_id: a, rooms: [lobby]}, {user_id: b, rooms: [lobby]} , ]\n",
    ):
        for newline in ("\n", "\r\n"):
            text = (HEAD + gone).replace("\n", newline)
            left = without(text, *range(len(surveyed(text).begins)))
            assert not bans(left)
            assert "# c" in left
            assert left.count("\n") == left.count(newline)
    rooms = "bans:\n  - user_id: a\n    rooms: [\n      finals, # c\n      lobby]\n"
    assert spliced(HEAD + rooms, edit.without_rooms(surveyed(HEAD + rooms, [0]), 0, [1])).endswith(
        "    rooms: [\n      finals # c\n]\n"
    )


@pytest.mark.parametrize("style", ["rooms:\n    - lobby", "rooms:\n      - lobby", "? rooms\n    :\n    - lobby"])
def test_rooms_below_one_another_stand_as_those_of_the_other_entries_do(style: str) -> None:
    new = (style if "?" not in style else WITHOUT_A_MARK).replace("lobby", "finals")
    text = f"{HEAD}bans:\n  - user_id: a\n    {style}\n"
    assert with_entries(text, NewEntry("b", ("finals",))) == f"{text}  - user_id: b\n    {new}\n"


WITHOUT_A_MARK = "rooms:\n    - lobby"


def test_quotes_that_had_to_be_are_no_style() -> None:
    text = f"""{HEAD}bans:
  - user_id: a
    rooms: [lobby]
    reason: Spam
  - user_id: "null"
    rooms: [lobby]
    reason: 'was: rude'
"""
    assert with_entries(text, NewEntry("b", ("lobby",), "Spam")) == (
        f"{text}  - user_id: b\n    rooms: [lobby]\n    reason: Spam\n"
    )


def test_the_comment_of_a_value_in_brackets_goes_with_it() -> None:
    text = HEAD + "bans: [\n  {user_id: a, rooms: [lobby]},  # c\n  {user_id: b, rooms: [lobby]}  # d\n]\n"
    assert without(text, 1) == HEAD + "bans: [\n  {user_id: a, rooms: [lobby]}  # c\n]\n"


users = st.one_of(st.text(min_size=1, max_size=12), st.sampled_from(["null", "~", "00123", "1e5", "- x", "a: b", "#"]))
sound = users.filter(lambda text: text.encode(errors="ignore").decode() == text and not text.endswith("\n"))


ROOMS_OF_ENTRIES: list[tuple[str, ...] | str] = [("lobby",), ("finals", "lobby"), (FINALS,), "all", "everywhere"]


@st.composite
def new_entries(draw: st.DrawFn) -> NewEntry:
    rooms = draw(st.sampled_from(ROOMS_OF_ENTRIES))
    end = draw(st.sampled_from([None, "never", "2027-01-31T00:00:00Z"]))
    return NewEntry(draw(sound), rooms, draw(st.none() | sound), end, draw(st.none() | sound))


def is_subsequence(part: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(line in rest for line in part)


@given(ban_list_texts(), st.lists(new_entries(), min_size=1, max_size=3, unique_by=lambda entry: entry.user_id))
def test_a_list_with_new_entries_means_the_old_bans_and_the_new_ones(
    listed: tuple[str, Sequence[str]], entries: list[NewEntry]
) -> None:
    text, users = listed
    entries = [entry for entry in entries if entry.user_id not in users]
    before = bans(text)
    changed = with_entries(text, *entries)
    after = bans(changed)
    assert {key: ban for key, ban in after.items() if key in before} == before
    assert {key.user_id for key in after if key not in before} == {entry.user_id for entry in entries}
    for entry in entries:
        (reason,) = {ban.reason for key, ban in after.items() if key.user_id == entry.user_id}
        assert reason == (entry.reason or ("spam" if "defaults: {reason: spam}" in text else None))
    if "bans: []" not in text:
        assert is_subsequence(text.splitlines(), changed.splitlines())
    assert without(changed, *range(len(users), len(users) + len(entries))) == text


@given(ban_list_texts(), st.data())
def test_a_list_without_some_entries_means_the_others(listed: tuple[str, Sequence[str]], data: st.DataObject) -> None:
    text, users = listed
    gone = data.draw(st.sets(st.sampled_from(range(len(users)))) if users else st.just(set()))
    changed = without(text, *gone)
    left = {key: ban for key, ban in bans(text).items() if key.user_id not in {users[index] for index in gone}}
    assert bans(changed) == left
    assert is_subsequence([line for line in changed.splitlines() if line != "bans: []"], text.splitlines())


A, B, C = (f"  - user_id: {user}\n    rooms: [lobby]\n" for user in "abc")
ZED_IN_LOBBY = "  - user_id: zed\n    rooms: [lobby]\n"


@pytest.mark.parametrize(
    ("entries", "new"),
    [
        (A, ZED_IN_LOBBY),
        (A + B, ZED_IN_LOBBY),
        (f"{A}\n{B}", f"\n{ZED_IN_LOBBY}"),
        (f"{A}  \n{B}", f"\n{ZED_IN_LOBBY}"),
        (f"{A}  # why b\n\n  # who\n{B}", f"\n{ZED_IN_LOBBY}"),
        (f"{A}  # why b\n{B}", ZED_IN_LOBBY),
        (f"{A}\n{B}{C}", ZED_IN_LOBBY),  # the last two count
        (f"{A}{B}\n{C}", f"\n{ZED_IN_LOBBY}"),
        (f"\n{A}", ZED_IN_LOBBY),
    ],
)
def test_new_entries_are_set_apart_as_the_last_two_are(entries: str, new: str) -> None:
    text = f"{HEAD}bans:\n{entries}"
    assert with_entries(text, NewEntry("zed", ("lobby",))) == text + new
    two = with_entries(text, NewEntry("zed", ("lobby",)), NewEntry("amy", ("lobby",)))
    assert two == text + new + new.replace("zed", "amy")


def test_of_pieces_that_overlap_the_longest_goes() -> None:
    text = "0123456789"
    assert spliced(text, [Edit(1, 8, ""), Edit(2, 4, "")]) == "089"
    assert spliced(text, [Edit(1, 4, ""), Edit(2, 6, ""), Edit(9, 9, "x")]) == "0678x9"
    assert spliced(text, [Edit(3, 3, "a"), Edit(3, 3, "b")]) == "012ab3456789"
