import ipaddress
from typing import Any

import pytest

from reconciler.sandbox import FAULT_KINDS, SandboxOptions
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.options import address_of

from .builders import HANDLER, LOBBY


@pytest.mark.parametrize("host", ["example.com", "", "127.0.0.1.example.com", "127.1", "*"])
def test_a_name_is_not_listened_on(host: str) -> None:
    with pytest.raises(ValueError, match="must be an IP address such as"):
        SandboxOptions(host=host)


def test_only_loopback_is_listened_on_unless_asked_for() -> None:
    assert ipaddress.ip_address(address_of(SandboxOptions().host)).is_loopback


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("0.0.0.0", "0.0.0.0")],
)
def test_an_address_is_taken(host: str, address: str) -> None:
    assert address_of(SandboxOptions(host=host).host) == address


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"port": 65536}, "port 65536: must be 0 to 65535"),
        ({"port": -1}, "port -1: must be 0 to 65535"),
        ({"account": "12345"}, "account '12345': must be 12 digits"),
        ({"account": "１２３４５６７８９０１２"}, "must be 12 digits"),
        ({"rooms": ("lobby",)}, "room 'lobby': must be an ARN like arn:aws:ivschat:us-west-2:123456789012:room/"),
        ({"deny": (LOBBY + "\n",)}, "must be an ARN like"),
        ({"rooms": (LOBBY.ljust(129, "x"),)}, "must be an ARN like"),
        ({"more_rooms": -1}, "-1 more rooms: must be 0 to 1000000"),
        ({"more_rooms": 1_000_001}, "1000001 more rooms: must be 0 to 1000000"),
        ({"quota": -1}, "quota -1: must be 0"),
        ({"room_quota": -5}, "quota -5: must be 0"),
        ({"token_quota": -1}, "quota -1: must be 0"),
        ({"token_lifetime": 0}, "token lifetime 0: must be above 0 and at most 60 seconds"),
        ({"token_lifetime": 61}, "token lifetime 61: must be"),
        ({"token_lifetime": float("nan")}, "token lifetime nan: must be"),
        ({"session_lifetime": 0}, "session lifetime 0: must be above 0 and at most 10800 seconds"),
        ({"session_lifetime": float("inf")}, "session lifetime inf: must be"),
        ({"review_handlers": {"x": "http://127.0.0.1"}}, "review handler 'x': must be the ARN of a Lambda function"),
        ({"review_handlers": {"": "http://127.0.0.1"}}, "review handler '': must be"),
        ({"review_handlers": {HANDLER: ""}}, "review handler at '': must be an address such as http://"),
        ({"latency": -0.1}, "latency -0.1: must be 0 to 3600 seconds"),
        ({"latency": float("nan")}, "latency nan: must be"),
        ({"fault_rate": 101}, "fault rate 101: must be a percentage, 0 to 100"),
        ({"fault_rate": float("nan")}, "fault rate nan: must be"),
        ({"faults": ("404",)}, "fault '404': must be one of 500, 503, 429, cut,"),
        ({"fault_rate": 1, "faults": ()}, "fault rate 1: name at least one kind of fault"),
    ],
)
def test_a_wrong_option_is_named_with_what_it_may_be(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SandboxOptions(**wrong)


def test_the_same_seed_gives_the_same_faults() -> None:
    def draws(seed: int) -> list[str | None]:
        faults = Faults(SandboxOptions(fault_rate=50, faults=FAULT_KINDS, seed=seed))
        return [faults.next() for _ in range(200)]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)
    assert set(draws(3)) == {None, *FAULT_KINDS}


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (20, 1850, 2150), (100, 10_000, 10_000)])
def test_the_rate_is_a_percentage(rate: float, least: int, most: int) -> None:
    faults = Faults(SandboxOptions(fault_rate=rate, faults=("500",)))
    assert least <= sum(faults.next() is not None for _ in range(10_000)) <= most


def test_queued_faults_come_first_and_once() -> None:
    faults = Faults(SandboxOptions())
    faults.queue(("cut", "503"))
    assert [faults.next() for _ in range(3)] == ["cut", "503", None]
