"""How long reading a ban list takes, against ruamel.yaml's own loader on the same text."""

from collections.abc import Iterator

from ruamel.yaml import YAML

from reconciler import banlist
from tests.bench.measure import Figure, best_of

BANS = 20_000
GOAL = 6


def generated(bans: int) -> bytes:
    """A list with this many bans of four keys each."""
    rooms = "rooms:\n" + "".join(
        f"  room{number}: arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIj{number:02}\n" for number in range(10)
    )
    entries = "".join(
        f"  - user_id: user-{number:07}\n"
        f"    rooms: [room{number % 10}]\n"
        f"    reason: Violated rule {number % 17} of the terms of service\n"
        f"    expires_at: 2027-{number % 12 + 1:02}-{number % 28 + 1:02}T00:00:00Z\n"
        for number in range(bans)
    )
    return f"version: 1\n{rooms}bans:\n{entries}".encode()


def figures() -> Iterator[Figure]:
    """Reading means: parsed, checked, expanded to bans."""
    content = generated(BANS)
    assert len(banlist.parse(content).bans) == BANS
    ours, load = best_of(3, lambda: banlist.parse(content), lambda: YAML(typ="safe").load(content))
    yield Figure(
        f'reading {BANS:,} bans is at least {GOAL} times faster than `YAML(typ="safe").load`',
        f"{load / ours:.1f} × (ours {ours:.2f} s, load {load:.2f} s)",
        load >= GOAL * ours,
    )
