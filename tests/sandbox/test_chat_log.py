import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import SandboxOptions, running
from reconciler.sandbox.chat_log import ChatLog
from reconciler.sandbox.service import Service

from .builders import FINALS, LOBBY, NOON, REGION, Client, kick
from .conftest import ChatFor

OF_LOBBY = "AWSLogs/12345689012/IVSChatLogs/1.0/us-west-2/room_g1H2I3j4k5L6.log"


def records(folder: Path, name: str = OF_LOBBY) -> list[Any]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_whatever_a_room_receives_is_logged_as_the_service_does(tmp_path: Path) -> None:
    chat = Service(SandboxOptions(rooms=(LOBBY, FINALS)), NOON, ChatLog(tmp_path).write)
    zed = Client(chat, "zed", "SEND_MESSAGE", attributes={"colour": "red"})
    elsewhere = Client(chat, "amy", "SEND_MESSAGE", room=FINALS)
    zed.say("😀\n", NOON + 0.25, RequestId="r1", Attributes={"a": "b"})
    zed.say("")
    elsewhere.say("hi")
    chat.carry_out("DisconnectUser", REGION, kick("zed", reason="rude"), NOON + 1)
    said, kicked = records(tmp_path)
    assert said == {
        "event_timestamp": "2027-01-15T08:00:00.250Z",
        "type": "MESSAGE",
        "version": "1.0",
        "payload": zed.heard[0],
    }
    assert (kicked["type"], kicked["payload"]["EventName"]) == ("EVENT", "aws:DISCONNECT_USER")
    (other,) = records(tmp_path, "AWSLogs/123456789012/IVSChatLogs/1.0/eu-west-1/room_AbCdEf123456.log")
    assert other["payload"]["Content"] == "hi"


def test_the_sandbox_keeps_the_log_and_appends_to_it(tmp_path: Path, chat_for: ChatFor) -> None:
    for name in ("one", "two"):
        with running(SandboxOptions(rooms=(LOBBY,), chat_log=tmp_path / "logs")) as sandbox:
            chat_for(sandbox).send_event(roomIdentifier=LOBBY, eventName=name)
    assert [record["payload"]["EventName"] for record in records(tmp_path / "logs")] == ["one", "two"]


def test_a_folder_that_can_not_be_made_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError), running(SandboxOptions(chat_log=tmp_path / "file")):
        pass
