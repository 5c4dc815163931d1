"""Long lists of every style: what they mean, and that a plan of them stays readable."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import State, diff
from reconciler.banlist import read as banlist
from reconciler.errors import BanListInvalid
from reconciler.plan import file as planfile
from reconciler.state import file as state
from tests.builders import NOW
from tests.generated_lists import ROOMS, entries
from tests.generated_lists import ban_list as generated
from tests.yaml_texts import TOKENS


@pytest.mark.parametrize("pure", [False, True], ids=["C", "pure"])
@pytest.mark.parametrize("seed", range(3))
def test_a_generated_list_means_what_it_was_generated_from(seed: int, pure: bool) -> None:
    read = banlist.parse(generated(400, seed).encode(), pure=pure)
    assert list(read.bans.items()) == [(entry.key, entry.ban) for entry in entries(400, seed)]
    assert read.rooms == ROOMS


def test_the_same_seed_makes_the_same_list() -> None:
    assert generated(50, seed=1) == generated(50, seed=1)
    assert generated(50, seed=1) != generated(50, seed=2)


@given(st.integers(0, 10**6), st.integers(0, 40))
@settings(max_examples=50)
def test_applying_a_generated_list_leaves_nothing_to_do_also_through_the_files(seed: int, count: int) -> None:
    desired = banlist.parse(generated(count, seed).encode())
    plan = planfile.loads(planfile.dumps(diff(desired, State(), NOW), "s")).plan
    after = State().after((change.key, change.recorded(NOW, "id")) for change in plan.changes)
    read = state.loads(state.dumps(after.generation(lineage="made-up")))
    assert len(read.records) == count
    assert diff(desired, read, NOW).changes == ()


@given(st.integers(0, 10**6), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(TOKENS)), min_size=1, max_size=3))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_both_parsers_say_the_same_about_a_damaged_generated_list(seed: int, damage: list[tuple[float, str]]) -> None:
    written = generated(6, seed)
    for where, token in damage:
        at = int(where * len(written))
        written = written[:at] + token + written[at + (len(token) % 3) :]
    assert outcome(written, pure=False) == outcome(written, pure=True)


def outcome(written: str, *, pure: bool) -> object:
    try:
        return banlist.parse(written.encode(), pure=pure)
    except BanListInvalid as error:
        return str(error)
