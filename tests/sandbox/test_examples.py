"""The token services and message review handlers in examples/, with Amazon's chat SDK as the client.

`reconciler apply` publishes the bans in a table, the token service asks the gate and the sandbox's CreateChatToken, and
the room has the review handler: all that a platform has, each part as it is run there.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import SandboxOptions, handlers, running
from tests.command_line import Reconciler
from tests.gate import lambdas
from tests.publishers.places import make_table

from .builders import HANDLER, LOBBY, REGION
from .chat_sdk import Room, RoomOf, needs_chat_sdk
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = needs_chat_sdk


@contextmanager
def listening(answer: Callable[[str, Any], tuple[int, Any]]) -> Iterator[str]:
    """The URL where POSTs are answered: called with who calls, and the JSON that came; gives status and JSON."""
    one_at_a_time = threading.Lock()

    class Front(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                status, content = answer(self.headers.get("Authorization", "").removeprefix("Bearer "), said)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


class Platform:
    """A room in a sandbox, and the two Lambdas.

    Attributes:
        service: where clients get their tokens: the HTTP API with the token service behind it.
        review: the message review handler, to be called directly.
        reviewed: the user of each message that the room has had reviewed.
        room: clients.
    """

    def __init__(self, service: str, review: lambdas.Lambda, reviewed: list[str], room: Room) -> None:
        self.service = service
        self.review = review
        self.reviewed = reviewed
        self.room = room

    def connect(self, client: str) -> None:
        """Let somebody who has signed in join."""
        self.room.tell(client, "connect", service=self.service, room=LOBBY)

    def say(self, client: str, content: str) -> None:
        self.room.tell(client, "sendMessage", **{"with": [content]})


@pytest.fixture
def dynamodb(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> "DynamoDBClient":
    monkeypatch.setenv("AWS_REGION", REGION)
    return dynamodb


@pytest.fixture
def tables(dynamodb: "DynamoDBClient") -> tuple[str, str]:
    """The denylist, and the token records."""
    return f"dynamodb://{REGION}/{make_table(dynamodb)}", f"dynamodb://{REGION}/{make_table(dynamodb)}"


@pytest.fixture(params=lambdas.LANGUAGES)
def platform(
    request: pytest.FixtureRequest,
    tables: tuple[str, str],
    chat_for: ChatFor,
    room_of: RoomOf,
    reconciler: Reconciler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Platform]:
    denylist, records = tables
    reviewed: list[str] = []
    monkeypatch.setattr(handlers, "PATIENCE", 20)  # however busy the machine is, the handler is in time
    with ExitStack() as stack:

        def reviewing(_caller: str, event: Any) -> tuple[int, Any]:
            reviewed.append(event["Sender"]["UserId"])
            return 200, review(event)

        def giving(caller: str, body: Any) -> tuple[int, Any]:
            answer = give(lambdas.asks(caller, body=json.dumps(body)))
            return answer["statusCode"], json.loads(answer["body"])

        url = stack.enter_context(listening(reviewing))
        sandbox = stack.enter_context(running(SandboxOptions(rooms=(LOBBY,), review_handlers={HANDLER: url})))
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        chat = chat_for(sandbox)
        chat.update_room(identifier=LOBBY, messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"})
        Path("bans.yaml").write_text(ban_list(tables))
        assert reconciler("apply", "--auto-approve").code == 0  # from here on there is a denylist
        build = tmp_path / "build"
        review = stack.enter_context(
            lambdas.running(request.param, "message-review", build / "review", DENYLIST=denylist)
        )
        give = stack.enter_context(
            lambdas.running(
                request.param,
                "token-service",
                build / "tokens",
                DENYLIST=denylist,
                TOKEN_RECORDS=records,
                ROOM_ARNS=LOBBY,
            )
        )
        service = stack.enter_context(listening(giving))
        yield Platform(service, review, reviewed, room_of(sandbox, chat))


def ban_list(tables: tuple[str, str], *users: str) -> str:
    denylist, records = tables
    bans = "".join(f"\n  - {{user_id: {user}, rooms: everywhere, reason: rude}}" for user in users) or " []"
    return (
        f"version: 1\nrooms:\n  lobby: {LOBBY}\n"
        f"denylist: {{location: {denylist}, token_records: {records}}}\nbans:{bans}\n"
    )


def test_a_banned_user_gets_no_token_and_writes_no_message(
    platform: Platform, tables: tuple[str, str], reconciler: Reconciler
) -> None:
    room = platform.room
    for client in ("amy", "zed", "eve"):
        platform.connect(client)
        room.hear(client, "connect")
    platform.say("amy", "hi")
    assert room.hear("amy", "resolved")["content"] == "hi"
    assert room.hear("eve", "message")["content"] == "hi"
    said = room.hear("zed", "message")
    assert (said["content"], said["sender"]["userId"]) == ("hi", "amy")
    assert platform.reviewed == ["amy"]
    room.delete(said["id"])
    assert room.hear("zed", "messageDelete")["messageId"] == said["id"]

    held_back = room.token("zed", "SEND_MESSAGE")
    Path("bans.yaml").write_text(ban_list(tables, "zed"))
    assert reconciler("apply", "--auto-approve", "--no-wait").code == 0
    for client in ("zed", "amy"):
        assert room.hear(client, "userDisconnect")["reason"] == "rude"
    assert room.hear("zed", "disconnect") == "serverDisconnect"

    platform.connect("zed")  # again, with a new token
    refusal = [403, "You are banned from this chat."]
    assert [room.hear("zed", "token", "connect", "disconnect") for _ in range(4)] == [("token", refusal)] * 4
    assert room.hear("zed", "disconnect", "connect") == ("disconnect", "fetchTokenError")

    for _ in range(100):  # cold, it may not know in time, and lets messages through
        if platform.review(lambdas.says("zed", room=LOBBY))["ReviewResult"] == "DENY":
            break
    room.tell("zed's other client", "connect", tokens=[held_back])
    room.hear("zed's other client", "connect")
    platform.say("zed's other client", "hi again")
    denied = room.hear("zed's other client", "resolved", "rejected")
    assert denied == (
        "rejected",
        {
            "id": denied[1]["id"],
            "errorCode": 406,
            "errorMessage": "You are banned from this chat.",
            "requestId": denied[1]["requestId"],
        },
    )
    platform.say("amy", "bye")
    assert room.hear("amy", "resolved")["content"] == "bye"
    assert room.hear("eve", "message")["content"] == "bye"  # and nothing in between
    assert platform.reviewed == ["amy", "zed", "amy"]
