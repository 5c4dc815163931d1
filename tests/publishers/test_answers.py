"""A denylist on AWS whose service never answers, or never ends to."""

import socket
import threading
from collections.abc import Callable, Iterable

import pytest

from reconciler.errors import DenylistError, DenylistUnreadable
from reconciler.publishers import open_publisher
from reconciler.publishers.publisher import Publisher
from tests.aws.servers import behaving, dripping, silent
from tests.builders import LINEAGE, NOW
from tests.denylist.builders import A
from tests.moto_server import BUCKET
from tests.publishers.places import REGION

TABLE = f"dynamodb://{REGION}/denylist"
OBJECT = f"s3://{BUCKET}/denylist.json"
DRIPPING = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")

pytestmark = pytest.mark.usefixtures("credentials")


def begin(publisher: Publisher) -> None:
    publisher.begin(LINEAGE, 90)


def read(publisher: Publisher) -> None:
    publisher.read()


def take_provisional(publisher: Publisher) -> None:
    first(publisher.take_provisional([A]).values())


def first(errors: Iterable[DenylistError]) -> None:
    for error in errors:
        raise error


@pytest.mark.parametrize("location", [TABLE, OBJECT])
@pytest.mark.parametrize("do", [begin, read, take_provisional])
def test_a_stop_ends_calls_that_get_no_answer(
    location: str, do: Callable[[Publisher], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.aws.clients.GRACE", 0.1)
    called = threading.Event()

    def behave(connection: socket.socket) -> None:
        called.set()
        silent(connection)

    with behaving(behave) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        publisher = open_publisher(location, now=lambda: NOW, sleep=lambda _seconds: called.is_set())
        with pytest.raises(DenylistError, match="he run was stopped before it was done"):
            do(publisher)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (TABLE, f"{TABLE}: no whole answer came in time. Check the network, the region and the endpoint URL."),
        (OBJECT, f"{OBJECT} cannot be read: no whole answer came within 0 s. Check the network and the endpoint URL."),
    ],
)
def test_an_answer_that_drips_in_for_ever_ends_too(location: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("s3", "table"):
        monkeypatch.setattr(f"reconciler.publishers.{module}._SECONDS", 0.3)
    with behaving(DRIPPING) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        publisher = open_publisher(location, now=lambda: NOW, sleep=lambda _seconds: False)
        with pytest.raises(DenylistUnreadable) as caught:
            publisher.read_head()
    assert str(caught.value) == said
