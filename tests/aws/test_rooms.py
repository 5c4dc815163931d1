"""Finding rooms with ListRooms, against the sandbox and against services that misbehave."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from itertools import count
from time import monotonic
from typing import Any

import boto3
import pytest

from reconciler.aws import rooms
from reconciler.aws.clients import config
from reconciler.aws.pacing import Pace
from reconciler.aws.rooms import LIST_ROOMS_RATE, Means, discover
from reconciler.aws.sessions import Sessions
from reconciler.banlist.value import Discovery
from reconciler.bans import AccountRegion
from reconciler.errors import CallAbandoned, RoomsUnknown
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.aws.wire import answering, dripping
from tests.ci.loopback import serving

pytestmark = pytest.mark.usefixtures("credentials")

HERE = "us-west-2"
ANY = [Discovery(HERE)]


def find(
    url: str,
    *discoveries: Discovery,
    warned: list[str] | None = None,
    pace: Pace | None = None,
    stop: threading.Event | None = None,
    seconds: float = 60,
) -> tuple[str, ...]:
    stop = stop or threading.Event()
    warn = (warned if warned is not None else []).append
    means = Means(pace or Pace(0, sleep=stop.wait), stop, warn, Sessions(), url, seconds)
    return discover(discoveries or ANY, means)


def failure(url: str, *discoveries: Discovery, seconds: float = 60) -> RoomsUnknown:
    with pytest.raises(RoomsUnknown) as caught:
        find(url, *discoveries, seconds=seconds)
    return caught.value


def arn(number: int, region: str = HERE, account: str = "123456789012") -> str:
    return f"arn:aws:ivschat:{region}:{account}:room/room{number:08}"


def summary(number: int, *, updated: int = 0, made: int = 0) -> dict[str, Any]:
    """A room as ListRooms answers it; times in seconds after noon."""
    return {"arn": arn(number), "createTime": _time(made), "updateTime": _time(updated or made)}


def _time(seconds: int) -> str:
    return f"2027-01-15T12:{seconds // 60:02}:{seconds % 60:02}.000Z"


def pages(*answers: Mapping[str, Any]) -> Any:
    """A service that gives one of these answers after the other, then the last again and again."""
    numbers = count()

    def answer(_method: str, _path: str, _headers: Message, _content: dict[str, Any]) -> tuple[int, object]:
        return 200, answers[min(next(numbers), len(answers) - 1)]

    return serving(answer)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox without rooms and without a quota."""
    with running(SandboxOptions(quota=0, room_quota=0)) as sandbox:
        yield sandbox


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries leave at once."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)


class ToldPace(Pace):
    """Tells what the pace is told, and lets everything leave at once."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__(0, sleep=bool)
        self._tell = tell

    def wait(self, where: AccountRegion) -> None:
        self._tell(f"wait {where.region}")

    def throttled(self, where: AccountRegion) -> None:
        self._tell(f"throttled {where.region}")


def create(sandbox: Sandbox, name: str = "", *, region: str = HERE, **tags: str) -> str:
    client = boto3.client("ivschat", region_name=region, endpoint_url=sandbox.url)
    made = client.create_room(name=name, tags=tags)["arn"]
    client.close()
    return made


def listings(sandbox: Sandbox) -> list[str]:
    """The region of each ListRooms."""
    return [request.region for request in sandbox.requests if request.operation == "ListRooms"]


def test_no_discovery_asks_nobody() -> None:
    assert discover([], Means(Pace(0, sleep=bool), threading.Event(), print, Sessions())) == ()


def test_rooms_are_found_newest_first(sandbox: Sandbox) -> None:
    first, second = create(sandbox, "one"), create(sandbox)
    warned: list[str] = []
    assert find(sandbox.url, warned=warned) == (second, first)
    assert warned == []


def test_names_are_compared_from_their_beginning_and_with_case(sandbox: Sandbox) -> None:
    create(sandbox, "Live-1")
    create(sandbox, "not-live-1")
    create(sandbox)
    live = create(sandbox, "live-1"), create(sandbox, "live-")
    assert set(find(sandbox.url, Discovery(HERE, name_prefix="live-"))) == set(live)


def test_all_tags_must_be_as_asked_for(sandbox: Sandbox) -> None:
    create(sandbox, team="safety")
    create(sandbox, team="safety", stage="test")
    create(sandbox, stage="live")
    wanted = create(sandbox, team="safety", stage="live", more="x")
    assert find(sandbox.url, Discovery(HERE, tags={"team": "safety", "stage": "live"})) == (wanted,)


def test_a_room_that_two_discoveries_ask_for_is_found_once_and_its_region_read_once(sandbox: Sandbox) -> None:
    west, both = create(sandbox, "live-1"), create(sandbox, "live-2", team="safety")
    east = create(sandbox, "live-3", region="us-east-1")
    found = find(
        sandbox.url,
        Discovery(HERE, tags={"team": "safety"}),
        Discovery("us-east-1"),
        Discovery(HERE, name_prefix="live-"),
    )
    assert found == (both, east, west)
    assert sorted(listings(sandbox)) == ["us-east-1", "us-west-2"]


def test_a_discovery_that_finds_nothing_is_a_warning(sandbox: Sandbox) -> None:
    create(sandbox, "stage")
    warned: list[str] = []
    assert find(sandbox.url, Discovery(HERE), Discovery(HERE, name_prefix="live-"), warned=warned)
    assert warned == [
        "There is no room in us-west-2 as `discover[1]` wants it. Check its name_prefix, its tags, and that the AWS"
        " credentials are of the right account."
    ]


@pytest.mark.parametrize(("rooms", "calls"), [(0, 1), (1, 1), (50, 1), (51, 4), (150, 6)])
def test_one_page_is_read_once_and_several_until_nothing_is_new(rooms: int, calls: int) -> None:
    with running(SandboxOptions(more_rooms=rooms, room_quota=0)) as sandbox:
        assert len(find(sandbox.url)) == rooms
        assert len(listings(sandbox)) == calls


@pytest.mark.parametrize("shift", ["updated", "deleted"])
def test_rooms_that_shift_while_pages_are_read_are_all_found(shift: str) -> None:
    """A service whose tokens are offsets, which at its third answer changes a room on a page that was read or is to."""
    listed = [summary(number, made=number) for number in range(199, -1, -1)]
    answers = count()

    def answer(_method: str, _path: str, _headers: Message, content: dict[str, Any]) -> tuple[int, object]:
        if next(answers) == 2:
            if shift == "updated":
                last = listed.pop()
                listed.insert(0, last | {"updateTime": _time(1000)})
            else:
                del listed[0]
        start = int(content.get("nextToken") or 0)
        token = {"nextToken": str(start + 50)} if start + 50 < len(listed) else {}
        return 200, {"rooms": listed[start : start + 50], **token}

    with serving(answer) as url:
        warned: list[str] = []
        assert set(find(url, warned=warned)) == {arn(number) for number in range(200)}
        assert warned == []
    assert next(answers) == 12  # three passes of four pages


def test_a_room_that_is_made_meanwhile_is_found_and_asks_for_no_further_pass() -> None:
    made: list[str] = []
    ticks = count(1_800_000_000)
    with running(SandboxOptions(more_rooms=60, room_quota=0), clock=lambda: next(ticks)) as sandbox:

        def make(_said: str) -> None:
            made.append(arn(len(made)))
            sandbox.add_room(made[-1])

        warned: list[str] = []
        found = find(sandbox.url, pace=ToldPace(make), warned=warned)
        assert len(listings(sandbox)) == 4
    assert {arn(0), arn(1), arn(2)} <= set(found)
    assert warned == []


def test_rooms_that_never_come_to_rest_end_in_a_warning() -> None:
    answers: list[dict[str, Any]] = []
    for number in range(20):
        answers += [{"rooms": [summary(number, updated=1)], "nextToken": "x"}, {"rooms": []}]
    warned: list[str] = []
    with pages(*answers) as url:
        assert find(url, warned=warned) == tuple(arn(number) for number in range(5))
    assert warned == [
        "The rooms in us-west-2 change faster than ListRooms tells of them: some may be missing after 5 passes. Try"
        " again when fewer change."
    ]


def test_pages_that_never_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PAGES_MAX", 20)
    answers = count()
    with serving(lambda *_request: (200, {"rooms": [], "nextToken": str(next(answers))})) as url:
        assert str(failure(url)) == (
            "ListRooms in us-west-2 does not end: 20 pages were read. Let token services write token records"
            " (`denylist.token_records`), so that no rooms need to be found."
        )
    assert next(answers) == 20


def test_pages_that_go_round_in_circles_are_an_error() -> None:
    answers = count()
    with serving(lambda *_request: (200, {"rooms": [], "nextToken": str(next(answers) % 3)})) as url:
        assert str(failure(url)) == (
            "ListRooms in us-west-2 goes round in circles. Check the endpoint URL and any proxy."
        )
    assert next(answers) == 4


def test_what_is_no_room_here_is_left_out_with_a_warning() -> None:
    strange = ["", "lobby", arn(1, region="eu-west-1"), arn(2) + "\n", "arn:aws:ivs:us-west-2:1:channel/a", "x" * 200]
    page = {"rooms": [{"arn": text} for text in strange] + [{}, {"arn": None}, {"arn": arn(3)}]}
    warned: list[str] = []
    with pages(page) as url:
        assert find(url, warned=warned) == (arn(3),)
    assert warned == ["ListRooms in us-west-2: left out 6 ARNs: no room's there."]


def test_rooms_of_another_account_are_an_error(sandbox: Sandbox) -> None:
    create(sandbox)
    mine, other = Discovery(HERE, account="123456789012"), Discovery(HERE, account="999999999999")
    assert len(find(sandbox.url, mine)) == 1
    assert str(failure(sandbox.url, other)) == (
        "The AWS credentials belong to account 123456789012, and `discover` names account 999999999999 in us-west-2."
        " Use credentials of that account, or name a role of it under `accounts`."
    )


def test_calls_that_are_denied_say_what_to_allow(sandbox: Sandbox) -> None:
    sandbox.fault("denied")
    caught = failure(sandbox.url)
    assert caught.advice == (
        "ListRooms in us-west-2: the AWS credentials may not list the rooms. Allow ivschat:ListRooms in us-west-2 in"
        " their policy."
    )
    assert caught.answer.startswith(
        "AccessDeniedException: User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform:"
        " ivschat:ListRooms on resource: *"
    )
    assert len(sandbox.requests) == 1


@pytest.mark.usefixtures("no_backoff")
def test_a_throttled_call_is_tried_again_within_the_pace(sandbox: Sandbox) -> None:
    room = create(sandbox)
    sandbox.fault_next("429", "500", "429")
    told: list[str] = []
    assert find(sandbox.url, pace=ToldPace(told.append)) == (room,)
    wait, throttled = "wait us-west-2", "throttled us-west-2"
    assert told == [wait, throttled, wait, wait, throttled, wait]


@pytest.mark.usefixtures("no_backoff")
def test_a_call_that_stays_throttled_says_so(sandbox: Sandbox) -> None:
    sandbox.fault("429")
    assert failure(sandbox.url).advice == (
        "ListRooms in us-west-2: still over the quota of 5 calls a second after 5 attempts. Find out what else lists"
        " rooms in that account and region, and try again."
    )
    assert len(sandbox.requests) == 5


def test_calls_leave_at_the_quota() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> bool:
        clock[0] += seconds
        return False

    pace = Pace(LIST_ROOMS_RATE, sleep=sleep, clock=lambda: clock[0])
    with running(SandboxOptions(more_rooms=260), clock=lambda: clock[0]) as sandbox:  # with the quota of the service
        find(sandbox.url, pace=pace)
        assert [request.status for request in sandbox.requests] == [200] * 12
    assert clock[0] == pytest.approx(11 / LIST_ROOMS_RATE)


@pytest.mark.parametrize("kind", ["expired", "bad-credentials"])
def test_credentials_that_aws_does_not_take_are_to_be_renewed(sandbox: Sandbox, kind: Any) -> None:
    sandbox.fault(kind)
    assert failure(sandbox.url).advice == (
        "ListRooms in us-west-2: AWS does not take the credentials. Renew them, and try again."
    )


def test_without_credentials_it_says_so(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert str(failure(sandbox.url)).startswith("ListRooms in us-west-2: There are no AWS credentials. Give")


def test_what_is_no_url_is_said() -> None:
    assert str(failure("no url")) == "ListRooms in us-west-2 cannot be called: Invalid endpoint: no url."


@pytest.mark.usefixtures("no_backoff")
def test_a_region_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def unknown(host: object, *_arguments: object, **_more: object) -> list[Any]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(RoomsUnknown) as caught:
        discover([Discovery("us-nowhere-9")], Means(Pace(0, sleep=bool), threading.Event(), print, Sessions()))
    assert str(caught.value) == (
        'ListRooms in us-nowhere-9: Could not connect to the endpoint URL: "https://ivschat.us-nowhere-9.amazonaws.com'
        '/ListRooms". Check the network, and that the region exists.'
    )
    assert set(asked) == {"ivschat.us-nowhere-9.amazonaws.com"}


def test_a_service_that_never_answers_is_given_up(sandbox: Sandbox) -> None:
    sandbox.fault("timeout")
    began = monotonic()
    assert str(failure(sandbox.url, seconds=0.3)) == ("ListRooms: not all was read within 0 s. Try again later.")
    assert monotonic() - began < 40


def test_an_answer_that_never_ends_is_given_up() -> None:
    with dripping() as url:
        assert "not all was read within" in str(failure(url, seconds=0.3))


def test_one_attempt_does_not_wait_for_ever() -> None:
    made = config(connections=1)
    assert (made.connect_timeout, made.read_timeout) == (5, 15)  # type: ignore[attr-defined]


def test_a_run_that_is_to_stop_waits_for_no_answer(sandbox: Sandbox) -> None:
    sandbox.fault("timeout")
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    with pytest.raises(CallAbandoned):
        find(sandbox.url, stop=stop)
    timer.join()


def test_a_run_that_is_to_stop_makes_no_further_call(sandbox: Sandbox) -> None:
    pace = Pace(1, sleep=lambda _seconds: True, clock=lambda: 0.0)
    with running(SandboxOptions(more_rooms=60, room_quota=0)) as sandbox:
        with pytest.raises(CallAbandoned):
            find(sandbox.url, pace=pace)
        assert len(sandbox.requests) == 1


def test_once_a_region_has_failed_the_others_are_read_no_further() -> None:
    """The second region's endless pages would go on for minutes in a thread that nobody waits for."""
    failed, asked = threading.Event(), count()

    def answer(_method: str, _path: str, headers: Message, _content: dict[str, Any]) -> tuple[int, object]:
        if "/us-east-1/" in headers["Authorization"]:
            failed.set()
            return 403, {"__type": "AccessDeniedException"}
        failed.wait(5)
        return 200, {"rooms": [], "nextToken": str(next(asked))}

    with serving(answer) as url:
        failure(url, Discovery(HERE), Discovery("us-east-1"))
        before = next(asked)
        threading.Event().wait(0.3)
        assert next(asked) - before <= 3


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html>Please log in</html>"),
        (204, "application/json", b""),
        (200, "application/json", b"{}"),
        (200, "application/json", b"[1]"),
        (200, "application/json", b'{"rooms": null}'),
        (200, "application/json", b'{"rooms": "x"}'),
        (200, "application/json", b'{"rooms": [1]}'),
        (200, "application/json", b'{"rooms": [null]}'),
        (200, "application/json", b'{"rooms": [{"arn": 5}]}'),
        (200, "application/json", b'{"rooms": [{"arn": ["x"]}]}'),
        (200, "application/json", b'{"rooms": [{"createTime": "soon"}]}'),
        (200, "application/json", b'{"rooms": [' + b"{}," * 99_999 + b"{}]}"),
        (200, "application/json", b"[" * 200_000),
        (400, "application/json", b"\xff\xfe"),
        (400, "application/json", b'{"__type": ["x"]}'),
        (403, "text/plain", b"x" * 1_000_000),
    ],
)
def test_an_answer_that_is_none_of_the_services_is_one_error(status: int, kind: str, body: bytes) -> None:
    with answering(status, kind, body) as url:
        assert len(str(failure(url))) < 2000


@pytest.mark.parametrize("token", ["5", '["x"]', '{"a": 1}'])
def test_a_token_that_is_no_text_goes_nowhere(token: str) -> None:
    with answering(200, "application/json", b'{"rooms": [], "nextToken": %s}' % token.encode()) as url:
        assert "goes round in circles" in str(failure(url))


def test_names_and_times_of_any_kind_are_read() -> None:
    page = {
        "rooms": [
            {"arn": arn(1), "name": 5, "createTime": "0001-01-01T00:00:00"},
            {"arn": arn(2), "createTime": 0, "updateTime": "9999-12-31T23:59:59-12:00", "tags": {"a": None}},
        ]
    }
    with pages(page) as url:
        assert find(url, Discovery(HERE)) == (arn(1), arn(2))
        assert find(url, Discovery(HERE, name_prefix="5")) == (arn(1),)
        assert find(url, Discovery(HERE, tags={"a": "x"})) == ()
