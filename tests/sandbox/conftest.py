from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from reconciler.sandbox import Sandbox, SandboxOptions, running

from .builders import FINALS, LOBBY, REGION
from .chat_sdk import Room, RoomOf

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

ChatFor = Callable[..., "IvschatClient"]


@pytest.fixture(autouse=True)
def _credentials(credentials: None) -> None:
    """Every test here signs its requests."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with two rooms in two regions, and no quota."""
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, room_quota=0)) as sandbox:
        yield sandbox


@pytest.fixture
def chat_for() -> Iterator[ChatFor]:
    """Makes boto3 clients for a sandbox, in a region, that make so many attempts; they are closed at the end."""
    with ExitStack() as stack:

        def make(sandbox: Sandbox, *, region: str = REGION, attempts: int = 1) -> "IvschatClient":
            retries = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=60)
            client = boto3.client("ivschat", region_name=region, endpoint_url=sandbox.url, config=retries)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def chat(sandbox: Sandbox, chat_for: ChatFor) -> "IvschatClient":
    """A boto3 client of `sandbox` that never retries."""
    return chat_for(sandbox)


@pytest.fixture
def room_of() -> Iterator[RoomOf]:
    """Makes clients of Amazon's chat SDK, which end with the test."""
    made: list[Room] = []

    def make(sandbox: Sandbox, chat: "IvschatClient") -> Room:
        made.append(Room(sandbox, chat))
        return made[-1]

    yield make
    for room in made:
        room.end()
