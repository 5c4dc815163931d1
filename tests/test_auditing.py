"""An audit of several logs, of which some are broken, foreign, or of nobody knows which room."""

import gzip
import json
from collections.abc import Iterable, Iterator

import pytest

from reconciler import Record, State
from reconciler.audit.names import by_id
from reconciler.audit.value import Audit, watched
from reconciler.auditing import Auditing
from reconciler.bans import EVERYWHERE, Ban, BanKey
from reconciler.chatlogs import Log
from reconciler.errors import LogUnplaced, LogUnreadable, NotAChatLog, ReconcilerError
from tests.audit.builders import event, lines, message
from tests.builders import FINALS, LOBBY, YESTERDAY, ban, recorded

ZED = recorded(ban("zed"))


def place(room_arn: str) -> str:
    _, _, _, region, account, room = room_arn.split(":")
    return f"AWSLogs/{account}/IVSChatLogs/1.0/{region}/{room.replace('/', '_')}/2026/11/22/08/x.log.gz"


def log(*pieces: bytes, of: str = place(LOBBY), asked_for: bool = False, name: str = "logs/x.log.gz") -> Log:
    return Log(name, of, lambda: iter(pieces), asked_for)


class Run:
    """An audit of these logs, to its end."""

    def __init__(self, *logs: Log, state: State = ZED, room: str | None = None) -> None:
        self.warned: list[str] = []
        auditing = Auditing(
            watched(state), known=by_id(key.room_arn for key in state.records), otherwise=room, warn=self.warned.append
        )
        for one in logs:
            auditing.read(one)
        self.audit: Audit = auditing.result()
        self.unread = auditing.unread

    @property
    def found(self) -> list[tuple[str, str, int]]:
        return [(one.key.room_arn, one.key.user_id, one.messages) for one in self.audit.findings]


def test_the_rooms_of_the_names_decide() -> None:
    run = Run(
        log(lines(message("zed"))), log(lines(message("zed")), of=place(FINALS)), log(lines(event()), of=place(FINALS))
    )
    assert run.found == [(LOBBY, "zed", 1)]
    assert (run.audit.records, run.audit.skipped, run.audit.logs, run.unread, run.warned) == (3, 0, 3, 0, [])


def test_compressed_logs_are_read_in_pieces() -> None:
    packed = gzip.compress(lines(*[message("amy")] * 500, message("zed")))
    run = Run(log(*(packed[start : start + 10] for start in range(0, len(packed), 10))))
    assert (run.found, run.audit.records) == ([(LOBBY, "zed", 1)], 501)


def test_an_id_alone_is_looked_up_and_else_only_bans_everywhere_count() -> None:
    everywhere = State("x", 1, {**ZED.records, BanKey(EVERYWHERE, "eve"): Record(Ban(), YESTERDAY)})
    said = lines(message("zed"), message("eve"))
    run = Run(
        log(said, of="aws/IVSChatLogs/1.0/room_lobby0000000"), log(said, of="room_gone00000000.log"), state=everywhere
    )
    assert run.found == [(LOBBY, "eve", 1), (LOBBY, "zed", 1), ("gone00000000", "eve", 1)]


def test_room_is_for_logs_whose_names_tell_none() -> None:
    unnamed = log(lines(message("zed")), of="firehose-1-2026", asked_for=True)
    assert Run(unnamed, room=LOBBY).found == [(LOBBY, "zed", 1)]
    assert Run(unnamed, room=FINALS).found == []
    assert Run(log(lines(message("zed"))), room=FINALS).found == [(LOBBY, "zed", 1)]
    with pytest.raises(LogUnplaced, match="--room"):
        Run(unnamed)


def test_a_log_of_many_rooms_is_audited_for_bans_everywhere() -> None:
    everywhere = State("x", 1, {**ZED.records, BanKey(EVERYWHERE, "eve"): Record(Ban(), YESTERDAY)})
    mixed = log(lines(message("zed"), message("eve")), of="firehose-1-2026")
    assert Run(mixed, room=EVERYWHERE, state=everywhere).found == [(EVERYWHERE, "eve", 1)]


def test_files_in_a_folder_that_name_no_room_are_passed_over_and_counted() -> None:
    strays = [log(b"x", of="README.md"), log(b"x", of="notes.txt")]
    run = Run(*strays, log(lines(message("zed"))))
    assert (run.found, run.audit.logs) == ([(LOBBY, "zed", 1)], 1)
    assert run.warned == [
        "2 files were passed over: their names do not tell which room they are of. If they are chat logs, say with"
        " --room of which."
    ]
    with pytest.raises(LogUnreadable, match="2 files were passed over"):
        Run(*strays)


def test_nothing_to_read_is_an_error_and_no_clean_bill() -> None:
    with pytest.raises(LogUnreadable, match="There are no chat logs"):
        Run()
    assert Run(log()).audit.logs == 1  # an empty log is one


def test_broken_lines_are_skipped_and_their_places_told() -> None:
    run = Run(log(lines(message("zed")) + b"x\n" + lines(event()) + b"y\nz\nz\n"), log(b"x\n" + lines(event())))
    assert (run.found, run.audit.records, run.audit.skipped) == ([(LOBBY, "zed", 1)], 3, 5)
    assert run.warned == [
        "logs/x.log.gz: lines 2, 4, 5 and 1 more are no records of IVS Chat, and skipped.",
        "logs/x.log.gz: line 1 is no record of IVS Chat, and skipped.",
    ]
    assert run.unread == 0


def test_only_the_first_logs_with_something_wrong_are_told() -> None:
    run = Run(*[log(lines(event()) + b"x")] * 25)
    assert len(run.warned) == 11
    assert run.warned[-1] == "Something is wrong with 15 more logs."


def test_what_is_no_chat_log_is_an_error_if_it_was_asked_for() -> None:
    for content in (b"hello\n", json.dumps([message("zed")]).encode(), gzip.compress(b"hello"), b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(NotAChatLog, match=r"x\.log\.gz is not a chat log"):
            Run(log(content, asked_for=True))
        run = Run(log(content))
        assert run.warned == ["logs/x.log.gz is not a chat log: there is no record of IVS Chat in it."]


def test_of_a_log_that_is_cut_off_what_can_be_read_counts() -> None:
    packed = gzip.compress(lines(*(message(f"u{number}") for number in range(5000)), message("zed")))
    first = gzip.compress(lines(message("zed")))
    run = Run(log(first + packed[:-2000]))
    assert run.found == [(LOBBY, "zed", 1)]
    assert run.audit.records > 1000
    assert run.warned[0] == "logs/x.log.gz: it is cut off. What comes before that was read."
    assert run.unread == 0


def test_a_log_of_which_nothing_can_be_read_is_unread() -> None:
    for content in (gzip.compress(lines(event()))[:11], b"\x1f\x8bgarbage"):
        run = Run(log(content), log(lines(event())))
        assert run.unread == 1
        assert "logs/x.log.gz cannot be read: it is " in run.warned[0]
        with pytest.raises(LogUnreadable, match=r"cannot be read: it is (cut off|damaged)"):
            Run(log(content, asked_for=True))


def failing(error: Exception, *pieces: bytes) -> Iterator[bytes]:
    yield from pieces
    raise error


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), LogUnreadable("x cannot be read: no.")])
def test_a_log_that_fails_half_way_counts_so_far_and_is_unread(error: Exception) -> None:
    def made(asked_for: bool) -> Log:
        return Log("x", place(LOBBY), lambda: failing(error, lines(message("zed"))), asked_for)

    run = Run(made(asked_for=False), log(lines(event())))
    assert (run.found, run.unread, run.audit.records) == ([(LOBBY, "zed", 1)], 1, 2)
    assert run.warned[0].startswith("x cannot be read: ")
    with pytest.raises(LogUnreadable):
        Run(made(asked_for=True))


def test_a_log_that_turns_into_something_endless_is_left() -> None:
    asked = 0

    def endless() -> Iterable[bytes]:
        nonlocal asked
        yield lines(message("zed"))
        while True:
            asked += 1
            yield bytes(2**20)

    run = Run(Log("x", place(LOBBY), lambda: iter(endless()), asked_for=True))
    assert (run.found, run.unread) == ([(LOBBY, "zed", 1)], 1)
    assert asked < 100
    with pytest.raises(NotAChatLog):
        Run(Log("x", place(LOBBY), lambda: iter(lambda: bytes(2**20), b""), asked_for=True))


def test_errors_keep_apart_what_was_typed() -> None:
    with pytest.raises(ReconcilerError) as raised:
        Run(log(b"x", of="lobby/alice", name="lobby/alice", asked_for=True))
    assert raised.value.private == ("lobby/alice",)
