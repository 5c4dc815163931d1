"""The token services and the message review handlers in examples/, run as Lambda would run them."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from .builders import FINALS, LOBBY, document, publish, within
from .lambdas import LANGUAGES, asks, running, says
from .tables import make_table, put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class Chat(BaseHTTPRequestHandler):
    """A stand-in for CreateChatToken."""

    made: list[dict[str, Any]]
    throttles = False

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/CreateChatToken"
        type(self).made.append(wanted)
        answer: dict[str, Any] = {
            "token": f"token of {wanted['userId']}",
            "sessionExpirationTime": "2026-11-25T13:00:00Z",
            "tokenExpirationTime": "2026-11-25T12:01:00Z",
        }
        if self.throttles:
            self.send_response(429)
            self.send_header("x-amzn-ErrorType", "ThrottlingException")
            answer = {"message": "Rate exceeded"}
        else:
            self.send_response(200)
        content = json.dumps(answer).encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Chat]]:
    handler = type("Chat", (Chat,), {"made": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", f"http://127.0.0.1:{server.server_port}")
        yield handler
        server.shutdown()


def outcome(answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["cache-control"] == "no-store"
    return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture(params=["file", "s3", "dynamodb"])
def denylist(
    request: pytest.FixtureRequest, dynamodb: "DynamoDBClient", s3: "S3Client", bucket: str, tmp_path: Path
) -> str:
    """Where zed is banned from the lobby for good, and bob everywhere until 2099."""
    bans: Any = {"zed": {LOBBY: None}, "bob": {"*": "2099-01-01T00:00:00Z"}}
    if request.param == "file":
        (tmp_path / "bans.json").write_text(document(bans))
        return str(tmp_path / "bans.json")
    if request.param == "s3":
        s3.put_object(Bucket=bucket, Key="bans.json", Body=document(bans).encode())
        return f"s3://{bucket}/bans.json"
    table = make_table(dynamodb, f"bans-{uuid4()}")
    put(dynamodb, table, "head", "bans")
    put(dynamodb, table, "user#zed", f"ban#{LOBBY}#bans")
    put(dynamodb, table, "user#bob", "ban#*#bans", {"expires_at": "2099-01-01T00:00:00Z"})
    return f"dynamodb://us-west-2/{table}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_token_service_gives_tokens_to_those_who_are_not_banned(
    language: str, denylist: str, dynamodb: "DynamoDBClient", chat: type[Chat], tmp_path: Path
) -> None:
    tokens = make_table(dynamodb, f"tokens-{uuid4()}")
    with running(
        language,
        "token-service",
        tmp_path / "build",
        DENYLIST=denylist,
        TOKEN_RECORDS=f"dynamodb://us-west-2/{tokens}",
        ROOM_ARNS=f"{LOBBY},{FINALS}",
    ) as call:
        status, body = outcome(call(asks("eve")))
        assert (status, body["token"]) == (200, "token of eve")
        assert sorted(body) == ["sessionExpirationTime", "token", "tokenExpirationTime"]
        assert body["tokenExpirationTime"].startswith("2026-11-25T12:01:00")
        assert chat.made == [
            {"roomIdentifier": LOBBY, "userId": "eve", "capabilities": ["SEND_MESSAGE"], "sessionDurationInMinutes": 60}
        ]
        assert outcome(call(asks("zed"))) == (403, {"error": "You are banned from this chat.", "until": None})
        status, body = outcome(call(asks("bob", FINALS)))
        assert (status, body["until"][:19]) == (403, "2099-01-01T00:00:00")
        assert len(chat.made) == 1
        assert outcome(call(asks("zed", FINALS)))[0] == 200
        encoded = base64.b64encode(json.dumps({"room": LOBBY}).encode()).decode()
        assert outcome(call(asks("ann", body=encoded, isBase64Encoded=True)))[1]["token"] == "token of ann"
    noted = sorted((row["pk"]["S"], row["sk"]["S"]) for row in dynamodb.scan(TableName=tokens)["Items"])
    assert noted == sorted([("eve", LOBBY), ("zed", FINALS), ("ann", LOBBY)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_token_service_asks_who_calls_and_where_to(language: str, aws: str, chat: type[Chat], tmp_path: Path) -> None:
    denylist = str(publish(tmp_path / "bans.json"))
    with running(language, "token-service", tmp_path / "build", DENYLIST=denylist, ROOM_ARNS=LOBBY) as call:
        nobodies: list[object] = [None, "", "a" * 129, 5, {}, ["eve"]]
        for nobody in nobodies:
            assert outcome(call(asks(nobody)))[0] == 401
        assert outcome(call(asks("eve", requestContext={})))[0] == 401
        assert outcome(call(asks("eve", requestContext={"authorizer": {"iam": {}}})))[0] == 401
        for room in (FINALS, "lobby", "", None, [LOBBY], "*"):
            assert outcome(call(asks("eve", room)))[0] == 404
        for body in (None, "", "{", "null", "[]", "5", '"lobby"', "[" * 100_000):
            assert outcome(call(asks("eve", body=body)))[0] == 404
        assert chat.made == []
        assert outcome(call(asks("eve")))[0] == 200
        chat.throttles = True
        assert outcome(call(asks("eve"))) == (503, {"error": "Too many people are joining just now. Try again."})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_token_service_refuses_while_the_denylist_is_unavailable(
    language: str, aws: str, chat: type[Chat], tmp_path: Path
) -> None:
    refusal = (503, {"error": "The chat cannot be joined just now. Try again."})
    denylist = tmp_path / "bans.json"
    with running(language, "token-service", tmp_path / "build", DENYLIST=str(denylist), ROOM_ARNS=LOBBY) as call:
        with within(2):
            assert outcome(call(asks("eve"))) == refusal
        assert chat.made == []
    publish(denylist)
    with running(
        language,
        "token-service",
        tmp_path / "build",
        DENYLIST=str(denylist),
        ROOM_ARNS=LOBBY,
        TOKEN_RECORDS="dynamodb://us-west-2/not-there",
    ) as call:
        answer = call(asks("eve"))
        assert outcome(answer) == refusal
        assert answer["headers"]["retry-after"] == "5"
        assert [made["userId"] for made in chat.made] == ["eve"]  # made, and thrown away


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_review_handler_denies_what_banned_users_write(language: str, denylist: str, tmp_path: Path) -> None:
    denied = {"ReviewResult": "DENY", "Content": "Hello", "Attributes": {"Reason": "You are banned from this chat."}}
    allowed = {"ReviewResult": "ALLOW", "Content": "Hello", "Attributes": {"colour": "green"}}
    with running(language, "message-review", tmp_path / "build", DENYLIST=denylist) as call:
        # It has 0.15 s, which the first calls of a cold process need not be enough for; what it says then is below.
        for _ in range(100):
            if call(says("zed")) == denied and call(says("bob", room=FINALS)) == denied:
                break
        assert call(says("zed")) == denied
        assert call(says("bob", room=FINALS)) == denied
        assert call(says("eve")) == allowed
        assert call(says("zed", room=FINALS)) == allowed
        assert call({**says("eve"), "Attributes": None})["Attributes"] == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_review_handler_lets_messages_through_while_the_denylist_is_unavailable(
    language: str, tmp_path: Path
) -> None:
    with running(language, "message-review", tmp_path / "build", DENYLIST=str(tmp_path / "none")) as call:
        assert call(says("zed"))["ReviewResult"] == "ALLOW"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_review_handler_can_be_told_to_deny_instead(language: str, tmp_path: Path) -> None:
    with running(language, "message-review", tmp_path / "build", DENYLIST=str(tmp_path / "none"), deny=True) as call:
        assert call(says("eve")) == {
            "ReviewResult": "DENY",
            "Content": "Hello",
            "Attributes": {"Reason": "Messages cannot be reviewed just now."},
        }
