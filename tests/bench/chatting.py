"""How many chat clients the sandbox serves: 2,000 in 20 rooms, which hear 200 messages a second between them."""

import asyncio
import base64
import http.client
import json
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from tests.bench.measure import Figure
from tests.sandbox.builders import signed

ROOMS, CLIENTS, MESSAGES, SECONDS = 20, 2000, 200, 10
SENDERS = 10  # in each room: after a pause of the machine none sends more than 10 a second, which is all it may
CONTENT = re.compile(rb'"Content":"(\d+)"')


def figures() -> Iterator[Figure]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = [sys.executable, "-m", "reconciler", "sandbox", "--port", "0", "--more-rooms", str(ROOMS)]
    command += ["--token-quota", "0", "--room-quota", "0"]
    with TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with said.open("wb") as stdout, subprocess.Popen(command, cwd=folder, stdout=stdout) as process:
            try:
                while not (first := said.read_text()).count("\n"):
                    sleep(0.01)
                yield asyncio.run(chatting(first.splitlines()[0].split()[-1], process.pid))
            finally:
                process.send_signal(signal.SIGINT)


class Client(asyncio.Protocol):
    """A WebSocket that is cheap to read: it keeps the bytes."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def say(self, content: int) -> None:
        text = json.dumps({"Action": "SEND_MESSAGE", "Content": str(content)}).encode()
        assert self.transport is not None
        self.transport.write(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)

    @property
    def contents(self) -> list[bytes]:
        return CONTENT.findall(self.heard)


def post(api: http.client.HTTPConnection, operation: str, **params: object) -> dict[str, object]:
    api.request("POST", f"/{operation}", json.dumps(params), {"Authorization": signed()})
    answer: dict[str, object] = json.loads(api.getresponse().read())
    return answer


async def join(url: str, api: http.client.HTTPConnection, room: object, number: int) -> Client:
    token = post(api, "CreateChatToken", roomIdentifier=room, userId=f"u{number}", capabilities=["SEND_MESSAGE"])[
        "token"
    ]
    address = urllib.parse.urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    _, client = await asyncio.get_running_loop().create_connection(Client, address.hostname, address.port)
    key = base64.b64encode(os.urandom(16)).decode()
    assert client.transport is not None
    client.transport.write(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {token}\r\n\r\n".encode()
    )
    while b"\r\n\r\n" not in client.heard:
        await asyncio.sleep(0)
    assert client.heard.startswith(b"HTTP/1.1 101 ")
    return client


async def chatting(url: str, pid: int) -> Figure:
    empty = memory_of(pid)
    rooms: list[list[Client]] = []
    with closing(http.client.HTTPConnection(url.removeprefix("http://"))) as api:
        listed = post(api, "ListRooms")["rooms"]
        assert isinstance(listed, list)
        for room in listed:
            post(api, "UpdateRoom", identifier=room["arn"], maximumMessageRatePerSecond=100)
            rooms.append([await join(url, api, room["arn"], number) for number in range(CLIENTS // ROOMS)])
    full, before = memory_of(pid), cpu_of(pid)
    started = perf_counter()
    for number in range(MESSAGES * SECONDS):
        await asyncio.sleep(started + number / MESSAGES - perf_counter())
        room_number, turn = number % ROOMS, number // ROOMS
        rooms[room_number][turn % SENDERS].say(number)
    sent = perf_counter()
    wanted = MESSAGES * SECONDS // ROOMS
    clients = [client for room in rooms for client in room]
    while perf_counter() - sent < 20 and any(client.heard.count(b'"Content"') < wanted for client in clients):
        await asyncio.sleep(0.05)
    late = perf_counter() - sent
    busy = (cpu_of(pid) - before) / (perf_counter() - started)
    heard = [[client.contents for client in room] for room in rooms]
    complete = all(len(room[0]) == wanted and all(contents == room[0] for contents in room) for room in heard)
    each, end = (full - empty) / CLIENTS, memory_of(pid)
    for client in clients:
        assert client.transport is not None
        client.transport.abort()
    return Figure(
        f"The sandbox delivers {MESSAGES} messages a second to {CLIENTS:,} clients in {ROOMS} rooms, in one order for"
        " each room, and holds at most 100 KB for each client",
        f"{'all' if complete else 'NOT all'} {CLIENTS * wanted:,} delivered, {late:.2f} s after the last was sent;"
        f" {busy:.0%} of a core; {each:.0f} KB for each client, {end / 1000:.0f} MB in all",
        complete and late < 2 and each <= 100,
    )


def memory_of(pid: int) -> int:
    """The resident memory of a process, in KB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])


def cpu_of(pid: int) -> float:
    """The seconds of processor time that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for figure in figures():
        print(figure.what, figure.detail, figure.met, sep="\n")
