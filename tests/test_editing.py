"""Changes to the files of a list: exact, whole, and one at a time."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import editing, sources
from reconciler.banlist import banning, lifting
from reconciler.banlist.banning import Wanted
from reconciler.banlist.read import read_whole
from reconciler.banlist.splice import spliced
from reconciler.errors import BanListError, BanListInvalid, BanListUnreadable, BanListUnwritable, FormattingUnsafe
from tests.builders import FINALS, LOBBY
from tests.yaml_texts import ban_list_texts

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
ZED = "bans:\n  - user_id: zed\n    rooms: [lobby]\n"
BOB = Wanted("bob", ("lobby",))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ban(*wanted: Wanted, to: str | None = None) -> editing.Changes:
    reading = sources.load_whole("bans.yaml")
    return editing.banning(reading, banning.decide(reading, wanted, NOW), to)


def lift(*users: str, rooms: Sequence[str] = ()) -> editing.Changes:
    reading = sources.load_whole("bans.yaml")
    return editing.lifting(reading, lifting.decide(reading, users, rooms))


def test_a_byte_order_mark_and_line_ends_stay() -> None:
    text = ("\ufeff" + HEAD + ZED).replace("\n", "\r\n")
    Path("bans.yaml").write_bytes(text.encode())
    editing.write(ban(BOB))
    assert Path("bans.yaml").read_bytes() == (text + "  - user_id: bob\r\n    rooms: [lobby]\r\n").encode()
    editing.write(lift("bob"))
    assert Path("bans.yaml").read_bytes() == text.encode()


def test_the_mode_of_the_file_and_a_link_to_it_stay() -> None:
    Path("real.yaml").write_text(HEAD + ZED)
    Path("real.yaml").chmod(0o640)
    Path("bans.yaml").symlink_to("real.yaml")
    editing.write(ban(BOB))
    assert Path("bans.yaml").is_symlink()
    assert "bob" in Path("real.yaml").read_text()
    assert Path("real.yaml").stat().st_mode & 0o777 == 0o640


def test_terms_change_in_place_also_in_braces_and_where_there_is_no_value() -> None:
    text = HEAD + (
        "bans:\n  - user_id: zed  # who\n    rooms: [lobby]\n    reason: |\n      Spam\n    # why\n"
        "  - {user_id: amy, rooms: [lobby], note: x}\n  - user_id: eve\n    note:\n    rooms: [lobby]\n"
    )
    Path("bans.yaml").write_text(text)
    new = [Wanted(user, ("lobby",), "Rude: yes", note="TS-1") for user in ("zed", "amy", "eve")]
    editing.write(ban(*new))
    assert Path("bans.yaml").read_text() == HEAD + (
        'bans:\n  - user_id: zed  # who\n    rooms: [lobby]\n    reason: "Rude: yes"\n    note: TS-1\n    # why\n'
        '  - {user_id: amy, rooms: [lobby], note: TS-1, reason: "Rude: yes"}\n'
        '  - user_id: eve\n    note: TS-1\n    rooms: [lobby]\n    reason: "Rude: yes"\n'
    )


@pytest.mark.parametrize(
    ("rooms", "left"),
    [
        ("[lobby, finals]", "[finals]"),
        ("[finals, lobby]", "[finals]"),
        ("[ finals , lobby ]", "[ finals ]"),
        ("\n      - lobby  # here\n      - finals  # and here", "\n      - finals  # and here"),
        ("\n    - finals\n    - lobby", "\n    - finals"),
        ("all", "[finals]"),
        (f'["{LOBBY}", finals]', "[finals]"),
    ],
)
def test_one_room_goes_out_of_an_entry(rooms: str, left: str) -> None:
    entry = "bans:\n  - user_id: zed\n    rooms: {}\n    note: x\n"
    Path("bans.yaml").write_text(HEAD + entry.format(rooms).replace(": \n", ":\n"))
    editing.write(lift("zed", rooms=["lobby"]))
    assert Path("bans.yaml").read_text() == HEAD + entry.format(left).replace(": \n", ":\n")


def test_the_rooms_of_the_defaults_are_written_out() -> None:
    Path("bans.yaml").write_text(HEAD + "defaults: {rooms: [lobby, finals]}\nbans:\n  - user_id: zed\n")
    editing.write(lift("zed", rooms=["lobby"]))
    assert Path("bans.yaml").read_text().endswith("bans:\n  - user_id: zed\n    rooms: [finals]\n")


def test_comments_that_are_about_an_entry_alone_go_with_it() -> None:
    Path("bans.yaml").write_text(
        HEAD
        + "bans:\n  # a raid\n  - user_id: a\n    rooms: [lobby]\n  - user_id: b\n    rooms: [lobby]\n    # deeper\n"
        + "\n  # TS-1\n  - user_id: c\n    rooms: [lobby]\n\n  - user_id: d\n    rooms: [lobby]\n# tail\n"
    )
    editing.write(lift("a"))
    assert "# a raid" in Path("bans.yaml").read_text()
    editing.write(lift("c"))
    assert Path("bans.yaml").read_text() == (
        HEAD
        + "bans:\n  # a raid\n  - user_id: b\n    rooms: [lobby]\n    # deeper\n"
        + "\n  - user_id: d\n    rooms: [lobby]\n# tail\n"
    )
    editing.write(lift("b", "d"))
    assert Path("bans.yaml").read_text() == HEAD + "bans: []\n# tail\n"


@pytest.fixture
def included() -> None:
    Path("bans.d").mkdir()
    Path("bans.yaml").write_text(HEAD + "include: [bans.d/*.yaml]\nbans: []\n")
    Path("bans.d/a.yaml").write_text(ZED)


@pytest.mark.usefixtures("included")
def test_new_bans_go_where_they_are_to_go() -> None:
    editing.write(ban(BOB, to="bans.d/a.yaml"))
    editing.write(ban(Wanted("amy", ("lobby",)), to="bans.d/new.yaml"))
    editing.write(ban(Wanted("eve", ("lobby",))))
    assert "bob" in Path("bans.d/a.yaml").read_text()
    assert Path("bans.d/new.yaml").read_text() == "bans:\n  - user_id: amy\n    rooms: [lobby]\n"
    assert "eve" in Path("bans.yaml").read_text()
    editing.write(lift("zed", "amy", "eve", "bob"))
    assert Path("bans.d/a.yaml").read_text() == Path("bans.d/new.yaml").read_text() == "bans: []\n"


@pytest.mark.usefixtures("included")
@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("bans.d/new.yml", "no pattern under `include` in bans.yaml would include it"),
        ("bans.d/.hidden.yaml", "no pattern under"),
        ("../new.yaml", "no pattern under"),
        ("bans.d/deep/new.yaml", "no pattern under"),
        ("other.yaml", "is not a file of bans.yaml"),
    ],
)
def test_new_bans_go_nowhere_else(to: str, why: str) -> None:
    Path("other.yaml").write_text(ZED)
    with pytest.raises(BanListUnwritable, match=why):
        ban(BOB, to=to)


def test_a_list_without_bans_has_to_be_told_where() -> None:
    Path("bans.d").mkdir()
    Path("bans.yaml").write_text(HEAD + "include: [bans.d/*.yaml]\n")
    Path("bans.d/a.yaml").write_text(ZED)
    assert [file.path for file in ban(BOB).files] == ["bans.d/a.yaml"]
    Path("bans.d/b.yaml").write_text("bans: []\n")
    with pytest.raises(BanListUnwritable, match=r"--to FILE, such as one of bans\.d/a\.yaml, bans\.d/b\.yaml"):
        ban(BOB)


def test_nothing_is_written_over_what_somebody_else_wrote() -> None:
    Path("bans.yaml").write_text(HEAD + ZED)
    changes = ban(BOB)
    Path("bans.yaml").write_text(HEAD + ZED + "# mine\n")
    with pytest.raises(BanListUnwritable, match="changed by somebody else in the meantime"):
        editing.write(changes)
    assert Path("bans.yaml").read_text() == HEAD + ZED + "# mine\n"


@pytest.mark.usefixtures("included")
def test_a_new_file_that_somebody_else_made_stays() -> None:
    changes = ban(BOB, to="bans.d/new.yaml")
    Path("bans.d/new.yaml").write_text("bans: []  # mine\n")
    with pytest.raises(BanListUnwritable, match="changed by somebody else"):
        editing.write(changes)


def test_what_would_not_mean_what_was_asked_for_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(HEAD + ZED)
    monkeypatch.setattr("reconciler.editing.edit.add", lambda _found, _entries: [])
    with pytest.raises(FormattingUnsafe, match="would not mean what was asked for"):
        ban(BOB)
    monkeypatch.setattr("reconciler.editing.spliced", lambda text, _edits: text + "rate: 7\n")
    with pytest.raises(BanListError):
        lift("zed")


def test_a_change_of_anything_but_bans_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(HEAD + ZED)
    monkeypatch.setattr("reconciler.editing.spliced", lambda text, edits: spliced(text, edits) + "rate: 7\n")
    with pytest.raises(FormattingUnsafe, match="would not mean what was asked for"):
        ban(BOB)


def test_a_list_below_a_key_that_is_set_apart_becomes_another() -> None:
    Path("bans.yaml").write_text(
        HEAD + "bans:\n  - user_id: zed\n    ? rooms # a: b\n    :\n    - lobby\n    - finals\n    note: x\n"
    )
    editing.write(ban(Wanted("zed", ("lobby",), "Rude")))
    editing.write(lift("zed", rooms=["finals"]))
    assert {key.room_arn: ban.reason for key, ban in sources.load_ban_list("bans.yaml").bans.items()} == {LOBBY: "Rude"}


@pytest.mark.parametrize("text", [HEAD + ZED, HEAD.replace("\n", "\r") + ZED])
def test_old_line_ends_are_for_fmt(text: str) -> None:
    content = text.replace("\n", "\r").encode()
    Path("bans.yaml").write_bytes(content)
    with pytest.raises(BanListUnwritable, match=r"end with a carriage return alone, .* run reconciler fmt first"):
        ban(BOB)
    assert Path("bans.yaml").read_bytes() == content


def test_a_broken_list_is_not_touched() -> None:
    Path("bans.yaml").write_text(HEAD + ZED + "  - user_id: zed\n    rooms: [nowhere]\n")
    with pytest.raises(BanListInvalid):
        ban(BOB)


def _add(number: int) -> None:
    with editing.only_one("bans.yaml"):
        editing.write(ban(Wanted(f"user-{number}", ("lobby",))))


def test_of_many_at_once_none_is_lost() -> None:
    Path("bans.yaml").write_text(HEAD + "bans: []\n")
    with multiprocessing.get_context("fork").Pool(8) as pool:
        pool.map(_add, range(24), chunksize=1)
    users = {key.user_id for key in sources.load_ban_list("bans.yaml").bans}
    assert users == {f"user-{number}" for number in range(24)}


def test_whoever_holds_a_list_for_ever_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(HEAD + ZED)
    monkeypatch.setattr("reconciler.editing._PATIENCE", 0.2)
    holding = "import fcntl, sys, time; f = open('bans.yaml'); fcntl.flock(f, 2); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with (
            pytest.raises(BanListUnwritable, match="is being changed by another command"),
            editing.only_one("bans.yaml"),
        ):
            pytest.fail("held twice")
        other.kill()
    with editing.only_one("bans.yaml"):
        pass


def test_there_has_to_be_a_file() -> None:
    with pytest.raises(BanListUnreadable, match="there is no such file"), editing.only_one("bans.yaml"):
        pytest.fail("there is none")
    os.mkfifo("bans.yaml")
    began = time.monotonic()
    with editing.only_one("bans.yaml"):
        assert time.monotonic() - began < 60  # opening a pipe that nobody writes to must not wait


@st.composite
def changes_to(draw: st.DrawFn, users: Sequence[str]) -> Wanted:
    """A ban of somebody who is listed, or not."""
    user = draw(st.sampled_from([*users, "somebody else"]))
    rooms: tuple[str, ...] | str = draw(st.sampled_from(ANY_ROOMS))
    texts = st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
    ends = draw(st.sampled_from([None, "never", datetime(2030, 1, 1, tzinfo=UTC)]))
    return Wanted(user, rooms, draw(texts), ends, draw(texts))


ANY_ROOMS: list[tuple[str, ...] | str] = [("lobby",), ("finals", "lobby"), (FINALS,), "all", "everywhere"]


@given(ban_list_texts(), st.data())
def test_terms_of_any_list_change_and_nothing_else_does(listed: tuple[str, Sequence[str]], data: st.DataObject) -> None:
    """What would not mean what was asked for is an error, so that there is none says enough."""
    text, users = listed
    reading = read_whole(text.encode())
    changes = editing.banning(reading, banning.decide(reading, [data.draw(changes_to(users))], NOW), None)
    for file in changes.files:
        kept = [line for line in text.splitlines() if "#" in line and ":" not in line]
        assert [line for line in file.after.decode().splitlines() if line in kept] == kept
    if users:
        user = data.draw(st.sampled_from(users))
        try:
            decided = lifting.decide(reading, [user], data.draw(st.sampled_from([(), ("lobby",), ("finals",)])))
        except BanListInvalid as error:
            assert "not banned in" in str(error) or "banned everywhere" in str(error)  # noqa: PT017
        else:
            changes = editing.lifting(reading, decided)
            assert changes.reading.ban_list.bans.keys() == reading.ban_list.bans.keys() - set(decided.gone)
