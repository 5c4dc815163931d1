"""Lists that are read from files, and the files that they include."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from reconciler import BanList, load_ban_list, reading, sources
from reconciler.errors import BanListInvalid, BanListUnreadable
from tests.builders import LOBBY

HEAD = f"version: 1\nrooms: {{lobby: {LOBBY}}}\ndefaults: {{rooms: [lobby], reason: Spam}}\n"  # three lines
Folder = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Makes files in an empty folder, in which the test then runs."""
    here = tmp_path / "team"
    here.mkdir()
    monkeypatch.chdir(here)

    def make(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return here

    return make


def bans(*user_ids: str) -> str:
    return "bans:\n" + "".join(f"- user_id: {user_id}\n" for user_id in user_ids)


def users(ban_list: BanList) -> list[str]:
    return [key.user_id for key in ban_list.bans]


def problems(path: str | Path = "bans.yaml") -> list[str]:
    with pytest.raises(BanListInvalid) as caught:
        load_ban_list(path)
    return [str(problem) for problem in caught.value.problems]


def test_included_bans_follow_those_of_the_list_file_by_file_in_the_order_of_names(folder: Folder) -> None:
    folder({
        "bans.yaml": f"{HEAD}include: [teams/*/bans.yaml, bans.d/*.yaml]\n{bans('first')}",
        "bans.d/20.yaml": bans("e"),
        "bans.d/10.yaml": bans("c", "d"),
        "teams/b/bans.yaml": bans("b"),
        "teams/a/bans.yaml": bans("a"),
        "bans.d/notes.txt": "no list",
        "bans.d/.10.yaml.swp.yaml": "an editor's copy",
    })  # fmt: skip
    ban_list = load_ban_list("bans.yaml")
    assert users(ban_list) == ["first", "a", "b", "c", "d", "e"]
    assert ban_list.included == ("teams/a/bans.yaml", "teams/b/bans.yaml", "bans.d/10.yaml", "bans.d/20.yaml")
    assert {ban.reason for ban in ban_list.bans.values()} == {"Spam"}  # the defaults are those of the list


def test_a_list_that_includes_files_needs_no_bans_of_its_own(folder: Folder) -> None:
    folder({"bans.yaml": f"{HEAD}include: [more.yaml]\n", "more.yaml": "bans: []\n"})
    assert users(load_ban_list("bans.yaml")) == []


def test_a_file_that_two_patterns_mean_is_read_once(folder: Folder) -> None:
    folder({"bans.yaml": f"{HEAD}include: [d/a.yaml, d/*.yaml]\n", "d/a.yaml": bans("a"), "d/b.yaml": bans("b")})
    assert users(load_ban_list("bans.yaml")) == ["a", "b"]


def test_files_are_found_from_the_folder_of_the_list(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    here = folder({"bans.yaml": f"{HEAD}include: ['d/*']\n", "d/a.yaml": "bans: [{user_id: a}, {user_id: a}]\n"})
    monkeypatch.chdir(here.parent)
    assert problems("team/bans.yaml") == [
        "team/d/a.yaml:1:32: bans[1].user_id: line 1 bans this user in lobby already; keep one of the two entries"
    ]


def test_every_problem_of_every_file_is_reported_at_its_place(folder: Folder) -> None:
    folder({
        "bans.yaml": f"{HEAD}guardrails: {{protected_users: [host]}}\ninclude: [d/*.yaml]\n{bans('a')}",
        "d/1.yaml": bans("b", "a", "host"),
        "d/2.yaml": "version: 1\nbans:\n- user_id: b\n  raison: x\n",
        "d/3.yaml": "bans:\n",
        "d/4.yaml": "",
        "d/5.yaml": "- user_id: a\n",
        "d/6.yaml": "bans: [\n",
        "d/7.yaml": "banns: []\nbans: []\n",
        "d/8.yaml": "{}\n",
    })  # fmt: skip
    assert problems() == [
        "d/1.yaml:3:12: bans[1].user_id: line 7 of bans.yaml bans this user in lobby already;"
        " keep one of the two entries",
        "d/1.yaml:4:12: bans[2].user_id: `protected_users` on line 4 of bans.yaml protects this user;"
        " remove the ban, or change that line",
        "d/2.yaml:1:1: version: an included file holds only `bans`; move this to the list that includes it",
        "d/2.yaml:3:12: bans[0].user_id: line 2 of d/1.yaml bans this user in lobby already;"
        " keep one of the two entries",
        "d/2.yaml:4:3: bans[0].raison: there is no such key; did you mean `reason`?",
        "d/3.yaml:1:1: bans: has no value; write `bans: []` to ban nobody",
        "d/4.yaml:1:1: the file is empty; write `bans:` and the bans below it, or `bans: []`",
        "d/5.yaml:1:1: this is not a list of bans; write `bans:` and the bans below it, or `bans: []`",
        "d/6.yaml:2:1: a value is expected here; write one, or quote a text that begins with this character",
        "d/7.yaml:1:1: banns: there is no such key; an included file holds only `bans`",
        "d/8.yaml:1:1: bans: missing; list the bans under `bans:`, or write `bans: []` to ban nobody",
    ]


@pytest.mark.parametrize(
    ("include", "problem"),
    [
        ("[/etc/*.yaml]", "write a path from the folder of this file, such as bans.d/*.yaml"),
        ("[../*.yaml]", "included files must be in the folder of this file or below it; leave out the `..`"),
        ("[d/../d/a.yaml]", "included files must be in the folder of this file or below it; leave out the `..`"),
        ("['**/a.yaml']", "`**` is not supported; write one pattern for each level, such as teams/*/bans.yaml"),
        ("[d//a.yaml]", "write a path such as bans.d/*.yaml, with `/` between the folders and no empty parts"),
        ("[./a.yaml]", "write a path such as bans.d/*.yaml, with `/` between the folders and no empty parts"),
        (r"[d\a.yaml]", "write a path such as bans.d/*.yaml, with `/` between the folders and no empty parts"),
        ("['']", "write a path from the folder of this file, such as bans.d/*.yaml"),
        ("[d/b.yaml]", "there is no such file; put one there (with `bans: []` to ban nobody), or correct this"),
        ("[e/*.yaml]", "no file matches; put one there (with `bans: []` to ban nobody), or correct this"),
        ("['*.yaml']", "the list would include itself; put the files to include into a folder, such as bans.d"),
        ("[outside.txt]", "outside.txt leads out of the folder of the list; put the file itself there"),
        ("['out/*.yaml']", "out leads out of the folder of the list; put the file itself there"),
        ("[pipe]", "pipe cannot be read: it is not a file"),
        ("[.git/config]", ".git leads out of the folder of the list; put the file itself there"),
        ("[of-git]", "of-git leads out of the folder of the list; put the file itself there"),
        ("[dangling]", "dangling cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_included_is_an_error_where_the_pattern_stands(
    folder: Folder, include: str, problem: str
) -> None:
    here = folder({"bans.yaml": f"{HEAD}include: {include}\n", "d/a.yaml": bans("a"), "../outside": bans("b")})
    (here / "outside.txt").symlink_to("../outside")
    (here / "out").symlink_to("..")
    (here / "dangling").symlink_to("nowhere")
    (here / ".git").mkdir()
    (here / ".git/config").write_text(bans("c"))
    (here / "of-git").symlink_to(".git/config")
    os.mkfifo(here / "pipe")
    assert problems() == [f"bans.yaml:4:11: include[0]: {problem}"]


@pytest.mark.parametrize(
    ("include", "problem"),
    [
        ("bans.d/*.yaml", "4:10: include: this is text; write a list such as [bans.d/*.yaml] instead"),
        (
            f"[{', '.join('a' * 101)}]",
            "4:10: include: 101 patterns, and the limit is 100; put more files into a folder",
        ),
        ("[]", "4:10: include: an empty list; name files such as bans.d/*.yaml, or leave the key out"),
        ("[~]", "4:11: include[0]: has no value; write one; if this very text is meant, put it in quotes"),
    ],
)
def test_an_include_that_is_no_list_of_patterns_is_explained(folder: Folder, include: str, problem: str) -> None:
    folder({"bans.yaml": f"{HEAD}include: {include}\nbans: []\n"})
    assert problems() == [f"bans.yaml:{problem}"]


def test_links_that_stay_inside_are_followed_and_each_folder_is_looked_into_once(folder: Folder) -> None:
    here = folder({"bans.yaml": f"{HEAD}include: ['x/*/*/*/*/*/*/*.yaml']\n", "teams/a.yaml": bans("a")})
    (here / "x").mkdir()
    for number in range(20):  # each leads back to where it stands: 20^7 ways to the same file
        (here / "x" / f"loop{number}").symlink_to(".")
    (here / "teams" / "linked.yaml").symlink_to("../more.yaml")
    (here / "more.yaml").write_text(bans("b"))
    assert problems() == [
        "bans.yaml:4:11: include[0]: no file matches; put one there (with `bans: []` to ban nobody), or correct this"
    ]
    (here / "x" / "y").symlink_to("..")
    (here / "bans.yaml").write_text(f"{HEAD}include: [x/loop1/loop2/y/teams/*.yaml]\n")
    assert users(load_ban_list("bans.yaml")) == ["a", "b"]


def test_a_change_to_an_included_file_is_another_version_of_the_list(folder: Folder) -> None:
    here = folder({"bans.yaml": f"{HEAD}include: [d/*.yaml]\n", "d/a.yaml": bans("a")})
    first = load_ban_list("bans.yaml").sha256
    assert load_ban_list("bans.yaml").sha256 == first
    (here / "d/a.yaml").write_text(bans("a") + "  note: x\n")
    second = load_ban_list("bans.yaml").sha256
    (here / "d/a.yaml").rename(here / "d/b.yaml")
    third = load_ban_list("bans.yaml").sha256
    assert len({first, second, third}) == 3


def test_a_pattern_cannot_mean_any_number_of_files(folder: Folder) -> None:
    folder({"bans.yaml": f"{HEAD}include: [d/*]\n", **{f"d/{number}": "bans: []\n" for number in range(5)}})
    with patch.object(sources, "MAX_FILES", 4):
        assert problems() == ["bans.yaml:4:11: include[0]: more than 4 files; put more bans into each"]


def test_a_file_has_a_size_that_a_list_can_have(folder: Folder) -> None:
    folder({"bans.yaml": f"{HEAD}{bans('a')}"})
    with patch.object(sources, "MAX_SIZE", 10), pytest.raises(BanListUnreadable, match="larger than 0 MiB"):
        load_ban_list("bans.yaml")


def test_what_has_no_end_is_no_list() -> None:
    with pytest.raises(BanListUnreadable, match="/dev/zero: the ban list cannot be read: it is not a file"):
        load_ban_list("/dev/zero")


def test_without_a_file_system_nothing_is_included() -> None:
    from reconciler.banlist import read as banlist

    with pytest.raises(BanListInvalid, match="this one is not"):
        banlist.parse(f"{HEAD}include: [a.yaml]\n".encode())


@pytest.mark.parametrize(
    ("pattern", "other"), [("d/*.yaml", "d/b.yml"), ("d/*.yml", "d/b.yaml"), ("*/*.yaml", "d/b.yml")]
)
def test_a_file_that_only_its_ending_leaves_out_is_an_error(folder: Folder, pattern: str, other: str) -> None:
    folder(
        {"bans.yaml": f"{HEAD}include: ['{pattern}']\n", f"d/a.{pattern[-4:].strip('.')}": bans("a"), other: bans("b")}
    )
    assert problems() == [
        f"bans.yaml:4:11: include[0]: {other} is left out because of its ending; rename it or include it"
    ]


def test_both_endings_can_be_included(folder: Folder) -> None:
    folder({"bans.yaml": f"{HEAD}include: [d/*.yaml, d/*.yml]\n", "d/a.yaml": bans("a"), "d/b.yml": bans("b")})
    assert users(load_ban_list("bans.yaml")) == ["a", "b"]


def test_a_list_is_the_same_version_from_whichever_folder_it_is_read(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folder({"bans.yaml": f"{HEAD}include: [d/*.yaml]\n", "d/a.yaml": bans("a")})
    versions = [load_ban_list(path).sha256 for path in ("bans.yaml", "./bans.yaml", here / "bans.yaml")]
    monkeypatch.chdir(here.parent)
    assert {*versions, load_ban_list("team/bans.yaml").sha256} == {versions[0]}


def test_a_linked_list_includes_from_the_folder_that_the_link_stands_in(folder: Folder) -> None:
    here = folder({"../elsewhere/list.yaml": f"{HEAD}include: [d/*.yaml]\n", "d/a.yaml": bans("a")})
    (here / "bans.yaml").symlink_to("../elsewhere/list.yaml")
    assert users(load_ban_list("bans.yaml")) == ["a"]


def test_however_many_patterns_mean_a_file_it_is_read_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = ", ".join(["d/*.yaml"] * 50)
    folder({"bans.yaml": f"{HEAD}include: [{patterns}]\n", "d/a.yaml": bans("a")})
    read: list[str] = []
    content = reading.read_regular_file

    def counted(path: str, most: int) -> bytes:
        read.append(Path(path).name)
        return content(path, most)

    monkeypatch.setattr(sources, "read_regular_file", counted)
    assert users(load_ban_list("bans.yaml")) == ["a"]
    assert read == ["a.yaml"]
