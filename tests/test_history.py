"""The history of a list in git: who wrote which entry, and which bans were lifted."""

import shutil
from pathlib import Path

import pytest

from reconciler import load_about
from reconciler.banlist.about import Excerpt, excerpt
from reconciler.bans import BanKey
from reconciler.history import History, history
from tests.builders import FINALS, LOBBY
from tests.command_line import NOBODY
from tests.repositories import commit, git, imported, repository

HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
ZED = "  - user_id: zed\n    rooms: [lobby]\n    reason: Spam\n"
ANN = "  - user_id: ann\n    rooms: all\n"
BOB = "  - user_id: bob\n    rooms: [finals]\n"


@pytest.fixture(autouse=True)
def _only_our_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "repository"
    place.mkdir()
    monkeypatch.chdir(place)
    repository()
    return place


def write(*entries: str, to: str = "bans.yaml", head: str = HEAD) -> None:
    Path(to).parent.mkdir(parents=True, exist_ok=True)
    Path(to).write_text(head + "bans:" + ("\n" + "".join(entries) if entries else " []\n"))


def asked(user: str, path: str = "bans.yaml", *, lifted: bool = False, timeout: float = 60) -> History:
    about = load_about(path, [user])
    entries = set(about.entries.values())
    has_included = bool(about.ban_list.included)
    return history(path, user, entries, has_included=has_included, lifted=lifted, timeout=timeout)


def who_wrote(user: str, path: str = "bans.yaml") -> list[str]:
    told = asked(user, path)
    assert told.untold is None
    return sorted(commit.id for commit in told.commits.values())


def lifts(user: str, path: str = "bans.yaml") -> list[tuple[str, str | None, str]]:
    """Room, the commit that added the ban, and the one that removed it."""
    told = asked(user, path, lifted=True)
    assert told.untold is None
    names = {LOBBY: "lobby", FINALS: "finals"}
    return [
        (names[each.key.room_arn], None if each.added is None else each.added.subject, str(each.removed.subject))
        for each in told.lifted
    ]


def test_an_entry_is_of_the_commit_that_wrote_it() -> None:
    write(ANN)
    first = commit("Ban ann", author="Ann Other", day=1)
    write(ANN, ZED)
    second = commit("Ban zed")
    write(BOB, ANN, ZED)
    commit("Ban bob")
    assert who_wrote("zed") == [second]
    assert who_wrote("ann") == [first]
    [told] = asked("ann").commits.values()
    assert (told.author, told.date.isoformat(), told.subject) == ("Ann Other", "2026-11-01T09:00:00+00:00", "Ban ann")


def test_an_entry_that_was_changed_is_of_the_commit_that_changed_it() -> None:
    write(ZED)
    commit("Ban zed")
    write(ZED.replace("Spam", "Scam"))
    changed = commit("It is scam")
    write(ANN, ZED.replace("Spam", "Scam"))
    commit("Ban ann")
    assert who_wrote("zed") == [changed]
    write(ANN, "  - user_id: zed\n    rooms: [lobby]\n")
    shorter = commit("No reason")
    assert who_wrote("zed") == [shorter]


def test_an_entry_that_was_lifted_and_written_again_is_of_the_later_commit() -> None:
    for entries, subject in (([ZED], "Ban"), ([], "Lift"), ([ZED], "Ban again"), ([ZED, ANN], "Ban ann")):
        write(*entries)
        commit(subject)
    [told] = asked("zed").commits.values()
    assert told.subject == "Ban again"
    assert lifts("zed") == [("lobby", "Ban", "Lift")]


def test_a_line_that_is_not_committed_is_said_so() -> None:
    write(ANN)
    commit("Ban ann")
    write(ANN, ZED)
    told = asked("zed")
    assert (len(told.uncommitted), told.commits, told.untold) == (1, {}, None)
    assert not asked("ann").uncommitted


def test_a_list_that_was_never_committed_is_said_so() -> None:
    Path("other").write_text("x")
    commit("Something else")
    write(ZED)
    told = asked("zed", lifted=True)
    assert (len(told.uncommitted), told.lifted, told.untold) == (1, [], None)


def test_a_list_with_the_line_ends_of_windows_is_committed() -> None:
    write(ZED)
    there = commit("Ban zed")
    Path("bans.yaml").write_bytes(Path("bans.yaml").read_bytes().replace(b"\n", b"\r\n"))
    assert who_wrote("zed") == [there]


def test_a_renamed_list_keeps_its_history() -> None:
    write(ANN, ZED, to="lists/chat.yaml")
    first = commit("Ban ann and zed")
    write(ANN, to="lists/chat.yaml")
    commit("Lift zed")
    Path("lists/chat.yaml").rename("bans.yaml")
    commit("Move it")
    write(ANN, BOB)
    commit("Ban bob")
    assert who_wrote("ann") == [first]
    assert lifts("zed") == [("lobby", "Ban ann and zed", "Lift zed")]


def test_an_entry_that_moves_to_a_file_that_is_included_keeps_its_commit() -> None:
    Path("chat").mkdir()
    write(ANN, ZED, to="chat/bans.yaml")
    first = commit("Ban ann and zed")
    write(ANN, to="chat/bans.yaml", head=HEAD + "include: [more/*.yaml]\n")
    write(ZED, to="chat/more/a.yaml", head="")
    commit("Split the list")
    write(ZED, BOB, to="chat/more/b.yaml", head="")
    Path("chat/more/a.yaml").unlink()
    commit("Another name")
    assert who_wrote("zed", "chat/bans.yaml") == [first]
    assert lifts("zed", "chat/bans.yaml") == []
    write(to="chat/more/b.yaml", head="")
    commit("Lift zed")
    assert lifts("zed", "chat/bans.yaml") == [("lobby", "Ban ann and zed", "Lift zed")]


def test_a_lifted_ban_is_told_with_both_commits_and_its_terms() -> None:
    write()
    commit("Begin", day=1)
    write(ZED, ANN)
    added = commit("Ban zed", day=2)
    write(ZED.replace("Spam", "Scam"), ANN)
    commit("It is scam", day=3)
    write(ANN)
    removed = commit("Lift zed", day=4)
    told = asked("zed", lifted=True)
    [lifted] = told.lifted
    assert lifted.key == BanKey(LOBBY, "zed")
    assert lifted.ban.reason == "Scam"
    assert lifted.added is not None
    assert (lifted.added.id, lifted.removed.id) == (added, removed)


def test_what_only_looks_different_is_no_lift() -> None:
    write(ZED)
    commit("Ban zed")
    for text in (
        ZED.replace("zed", '"zed"'),
        ZED.replace("zed", r'"\x7aed"'),
        ZED.replace("[lobby]", f"[{LOBBY}]"),
        "  - {reason: Spam, user_id: zed, rooms: [lobby]}\n",
    ):
        write(text)
        commit("Write it differently")
    assert lifts("zed") == []


def test_an_entry_that_is_commented_out_is_lifted() -> None:
    write(ANN, ZED)
    commit("Ban zed")
    write(ANN, "".join(f"  # {line}\n" for line in ZED.splitlines()))
    commit("Comment zed out")
    assert lifts("zed") == [("lobby", "Ban zed", "Comment zed out")]


def test_a_ban_that_is_lifted_in_one_room_of_several_is_told() -> None:
    write(ANN)
    commit("Ban ann")
    write("  - user_id: ann\n    rooms: [lobby]\n")
    commit("Lift ann in the finals")
    assert lifts("ann") == [("finals", "Ban ann", "Lift ann in the finals")]


def test_a_version_that_cannot_be_read_changes_nothing() -> None:
    write(ZED)
    commit("Ban zed")
    write(ZED.replace("rooms", "room"))
    commit("A mistake")
    write(ZED)
    commit("Mended")
    assert lifts("zed") == []


@pytest.fixture
def leaping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list is so long that not all of its versions are read."""
    monkeypatch.setattr("reconciler.history.MOST_READ", 0)


@pytest.mark.parametrize("added", [*range(18), 31, 32, 33, 62, 63, 64])
def test_of_a_long_list_few_versions_are_read(leaping: None, monkeypatch: pytest.MonkeyPatch, added: int) -> None:
    count = 65
    imported(
        HEAD + "bans:\n" + (ZED if number >= added else "") + ANN + f"  - {{user_id: u{number}, rooms: all}}\n"
        for number in range(count)
    )
    read = []

    def noted(content: bytes, users: list[str]) -> Excerpt:
        read.append(content)
        return excerpt(content, users)

    monkeypatch.setattr("reconciler.history.excerpt", noted)
    [told] = asked("zed").commits.values()
    assert told.subject == f"version {added}"
    assert len(read) <= 14


def test_an_entry_of_a_long_list_that_came_with_a_branch_is_of_its_own_commit(leaping: None) -> None:
    write(ANN)
    commit("Begin")
    git("checkout", "-q", "-b", "branch")
    write(ANN, ZED)
    there = commit("Ban zed")
    write(ANN, ZED, BOB)
    commit("Ban bob")
    git("checkout", "-q", "main")
    write("  # by hand\n", ANN)
    commit("A remark")
    git("merge", "-q", "--no-ff", "-m", "Merge", "branch")
    write("  # by hand\n", ANN.replace("all", "[lobby]"), ZED, BOB)
    commit("Ann only in the lobby")
    assert who_wrote("zed") == [there]


def test_a_lift_on_a_branch_is_told_once_and_what_was_not_merged_is_not() -> None:
    write(ANN, ZED, BOB)
    commit("Begin")
    git("checkout", "-q", "-b", "branch")
    write(ANN, BOB)
    commit("Lift zed")
    git("checkout", "-q", "main")
    write(ANN, ZED, BOB.replace("finals", "lobby"))
    bob = commit("Move bob")
    git("merge", "-q", "--no-ff", "-X", "ours", "-m", "Merge", "branch")
    assert lifts("zed") == [("lobby", "Begin", "Lift zed")]
    assert who_wrote("bob") == [bob]


def test_a_shallow_clone_says_that_its_history_is_cut_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ZED)
    commit("Ban zed")
    write(ZED, ANN)
    commit("Ban ann")
    write(ZED, ANN, BOB)
    bob = commit("Ban bob")
    git("clone", "-q", "--depth", "2", f"file://{place}", "../shallow")
    monkeypatch.chdir(place.parent / "shallow")
    told = asked("zed")
    assert (told.commits, told.uncommitted) == ({}, set())
    assert told.untold is not None
    assert "only a part of its history" in told.untold
    assert "fetch-depth: 0" in told.untold
    assert who_wrote("bob") == [bob]
    assert "fetch-depth: 0" in str(asked("nobody", lifted=True).untold)
    write(ANN, BOB)
    commit("Lift zed")
    [lifted] = asked("zed", lifted=True).lifted
    assert (lifted.added, lifted.removed.subject) == (None, "Lift zed")


def test_outside_a_repository_it_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(ZED)
    told = asked("zed", lifted=True)
    assert (told.untold, told.commits) == ("the list is not in a git repository", {})


def test_a_repository_without_a_commit_is_said_so() -> None:
    write(ZED)
    assert asked("zed").untold == "the git repository has no commit yet"


def test_without_git_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    write(ZED)
    monkeypatch.setenv("PATH", "/nowhere")
    assert asked("zed").untold == "git is not installed"


@pytest.mark.parametrize("hangs_at", ["rev-parse", "log", "cat-file"])
def test_git_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs_at: str) -> None:
    write(ZED)
    commit("Ban zed")
    slow = tmp_path / "git"
    real = shutil.which("git")
    slow.write_text(f'#!/bin/sh\ncase "$*" in *{hangs_at}*) exec sleep 60 ;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    told = asked("zed", lifted=True, timeout=2 if hangs_at == "cat-file" else 0.5)
    assert told.untold is not None
    assert told.untold.startswith("git took longer than ")
    assert (told.commits, told.lifted) == ({}, [])


def test_nothing_that_the_repository_names_is_run(place: Path) -> None:
    write(ZED)
    commit("Ban zed")
    head, _, message = git("cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    signed = f"{head}\n{signature}\n\n{message}\n".encode()
    there = git("hash-object", "-t", "commit", "-w", "--stdin", given=signed)
    git("update-ref", "HEAD", there)
    trap, sprung = place.parent / "trap", place.parent / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "gpg.program", "diff.external", "diff.x.textconv", "diff.x.command"):
        git("config", key, str(trap))
    git("config", "log.showSignature", "true")
    Path(".gitattributes").write_text("*.yaml diff=x\n")
    assert who_wrote("zed") == [there]
    assert asked("zed", lifted=True).untold is None
    assert not sprung.exists()


@pytest.mark.parametrize("name", ["a b.yaml", "ü.yaml", "-x.yaml", ":(top)x.yaml", "*.yaml", "x\ny.yaml", '"q".yaml'])
def test_a_list_may_have_any_name(name: str) -> None:
    write(ANN, to="other.yaml")
    write(ZED, to=name)
    there = commit("Ban zed")
    write(BOB, to="other.yaml")
    commit("Something else")
    write(ANN, to=name)
    commit("Lift zed")
    assert lifts("zed", name if not name.startswith("-") else f"./{name}") == [("lobby", "Ban zed", "Lift zed")]
    assert there


def test_a_repository_of_another_hash_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "sha256"
    place.mkdir()
    monkeypatch.chdir(place)
    git("init", "-q", "-b", "main", "--object-format=sha256")
    write(ANN, head=HEAD + "include: [more.yaml]\n")
    write(ZED, to="more.yaml", head="")
    there = commit("Ban zed")
    assert (who_wrote("zed"), len(there)) == ([there], 64)


def test_of_many_lifts_the_latest_are_told_and_the_others_counted() -> None:
    imported(text for _ in range(25) for text in (HEAD + "bans:\n" + ZED, NOBODY))
    told = asked("zed", lifted=True)
    assert (len(told.lifted), told.more_lifted) == (20, 5)
    assert [told.lifted[0].removed.subject, told.lifted[-1].removed.subject] == ["version 49", "version 11"]
    assert [each.added.subject for each in told.lifted[:2] if each.added] == ["version 48", "version 46"]


def test_two_thousand_commits_are_searched() -> None:
    others = [f"  - user_id: user{number}\n    rooms: [lobby]\n" for number in range(2000)]

    def text(number: int) -> str:
        gone = [ZED] if 3 <= number < 1200 else []
        return HEAD + "bans:\n" + ANN + "".join(others[:5]) + "".join(gone) + others[number]

    imported(map(text, range(2000)))
    assert lifts("zed") == [("lobby", "version 3", "version 1200")]
    [told] = asked("ann").commits.values()
    assert told.subject == "version 0"
