"""What holds wherever a denylist is published: nothing of anybody's is lost, and nothing of others is written over."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.bans import BanKey
from reconciler.denylist.value import Bans, Contents, End, Head
from reconciler.errors import DenylistChanged, DenylistForeign, DenylistUnreadable
from reconciler.gate import LARGEST_DOCUMENT
from reconciler.publishers import document, open_publisher
from reconciler.publishers.publisher import Publisher
from tests.builders import LINEAGE, LOBBY, NEXT_WEEK, NOW, TOMORROW
from tests.denylist.builders import A_EVERYWHERE, BANS, ENDS, KEYS, ODD_USERS, PROVISIONAL, A, B, C
from tests.effort import examples
from tests.publishers.places import Place

OTHER = "0b7c8a55-8b0f-4f0c-9a5e-1d7a3a1c2b44"
# Each example makes a place of its own.
in_many_places = settings(max_examples=examples(15, 60), suppress_health_check=[HealthCheck.function_scoped_fixture])


def publish(
    place: Place, entries: Bans, *, remove: tuple[BanKey, ...] = (), lineage: str = LINEAGE, name: str = "bans"
) -> None:
    """What an apply does, all of it."""
    publisher = place.publisher(name)
    publisher.begin(lineage, 90)
    assert publisher.publish(entries, remove=remove, superseded=[*entries, *remove]) == {}
    publisher.end(len(entries))


def test_where_nothing_was_published_there_is_nothing(place: Place) -> None:
    assert place.read() == Contents()
    assert place.publisher().read_head() is None


def test_what_is_published_is_read_with_its_head(place: Place) -> None:
    bans = {A: None, B: TOMORROW, A_EVERYWHERE: NEXT_WEEK}
    publisher = place.publisher()
    assert publisher.begin(LINEAGE, 90) == Head(LINEAGE, 1, 0, 90, NOW)
    assert publisher.publish(bans) == {}
    publisher.end(3)
    assert place.read() == Contents(Head(LINEAGE, 1, 3, 90, NOW), bans)
    assert place.publisher().read_head() == Head(LINEAGE, 1, 3, 90, NOW)


def test_one_user_is_read_with_the_head_and_nobody_else(place: Place) -> None:
    assert place.publisher().read_user(A.user_id) == Contents()
    publish(place, {A: None, B: TOMORROW, A_EVERYWHERE: NEXT_WEEK})
    place.publisher().put_provisional({A: TOMORROW, C: TOMORROW})
    whole = place.read()
    for user in {key.user_id for key in (*whole.bans, *whole.provisional)} | {"nobody", A.user_id[:-1]}:
        assert place.publisher().read_user(user) == Contents(
            whole.head,
            {key: end for key, end in whole.bans.items() if key.user_id == user},
            {key: end for key, end in whole.provisional.items() if key.user_id == user},
        )
    assert place.publisher().read_user(A.user_id).bans


def test_a_denylist_of_nobody_is_one_too(place: Place) -> None:
    publish(place, {})
    assert place.read() == Contents(Head(LINEAGE, 1, 0, 90, NOW))


def test_each_publication_has_the_next_serial_and_changes_only_what_it_is_told(place: Place) -> None:
    publish(place, {A: TOMORROW, B: None, C: None})
    place.now += timedelta(hours=1)
    publisher = place.publisher()
    assert publisher.begin(LINEAGE, 120).serial == 2
    assert publisher.publish({A: NEXT_WEEK, A_EVERYWHERE: None}, remove=[B, BanKey(LOBBY, "nobody")]) == {}
    publisher.end(3)
    assert place.read() == Contents(Head(LINEAGE, 2, 3, 120, place.now), {A: NEXT_WEEK, C: None, A_EVERYWHERE: None})


def test_a_publication_may_take_several_steps(place: Place) -> None:
    publish(place, {C: None})
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    assert publisher.publish({A: None}) == {}
    assert publisher.publish({B: TOMORROW}, remove=[C]) == {}
    publisher.end(2)
    assert place.read() == Contents(Head(LINEAGE, 2, 2, 90, NOW), {A: None, B: TOMORROW})


def test_what_is_published_stands_before_the_publication_ends(place: Place) -> None:
    publish(place, {C: None})
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    publisher.publish({A: None})
    head = place.publisher().read_head()
    assert place.read().bans == {A: None, C: None}
    assert head is not None
    assert head.open == place.is_table  # a document is compared at every apply anyway


def test_a_first_publication_is_a_denylist_as_soon_as_all_of_it_stands(place: Place) -> None:
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    assert place.publisher().read_head() is None
    publisher.publish({A: None})
    head = place.publisher().read_head()
    assert head == Head(LINEAGE, 1, 1, 90, NOW, open=place.is_table)
    publisher.end(1)
    assert place.publisher().read_head() == Head(LINEAGE, 1, 1, 90, NOW)


def test_a_run_that_was_killed_is_followed_by_one_that_finds_its_work(place: Place) -> None:
    publish(place, {C: None})
    killed = place.publisher()
    serial_of_killed = killed.begin(LINEAGE, 90).serial
    killed.publish({A: None})
    following = place.publisher()
    serial = following.begin(LINEAGE, 90).serial
    assert serial == serial_of_killed + 1
    following.publish({B: None})
    following.end(3)
    assert place.read().bans == {A: None, B: None, C: None}
    assert place.read().head == Head(LINEAGE, serial, 3, 90, NOW)


def test_a_publication_begins_before_anything_is_published(place: Place) -> None:
    publisher = place.publisher()
    for step in (lambda: publisher.publish({A: None}), lambda: publisher.end(1)):
        with pytest.raises(ValueError, match="no publication has begun"):
            step()


def test_another_states_denylist_is_left_as_it_is_and_the_error_names_it(place: Place) -> None:
    publish(place, {A: None, B: None}, lineage=OTHER)
    before = place.read()
    with pytest.raises(DenylistForeign) as caught:
        place.publisher().begin(LINEAGE, 90)
    assert str(caught.value) == (
        f"{place.location} holds the denylist of another state: lineage {OTHER}, serial 1, 2 bans, published at"
        f" 2026-11-22 16:00:00 UTC; ours is lineage {LINEAGE}. It is left as it is. If our state was lost, and this"
        " list is to take its place, run: reconciler apply --adopt-denylist. Otherwise give the list another location"
        + (", or its denylist another name." if place.is_table else ".")
    )
    assert place.read() == before


def test_without_a_state_the_error_says_that_there_is_none(place: Place) -> None:
    publish(place, {A: None}, lineage=OTHER)
    publisher = place.publisher()
    with pytest.raises(DenylistForeign, match=r"16:00:00 UTC; we have no state yet\. It is left as it is\."):
        publisher.check_owner(publisher.read_head(), "")


def test_another_states_denylist_of_nobody_is_left_as_it_is_too(place: Place) -> None:
    publish(place, {}, lineage=OTHER)
    with pytest.raises(DenylistForeign):
        place.publisher().begin(LINEAGE, 90)


def test_a_denylist_is_adopted_when_that_is_asked_for(place: Place) -> None:
    publish(place, {A: None, B: None}, lineage=OTHER)
    publisher = place.publisher()
    assert publisher.begin(LINEAGE, 90, adopt=True).serial == 2
    publisher.publish({C: None}, remove=[A])
    publisher.end(2)
    assert place.read() == Contents(Head(LINEAGE, 2, 2, 90, NOW), {B: None, C: None})
    with pytest.raises(DenylistForeign):
        place.publisher().begin(OTHER, 90)


def test_what_somebody_else_has_published_meanwhile_is_not_written_over(place: Place) -> None:
    publish(place, {A: None})
    ours = place.publisher()
    ours.begin(LINEAGE, 90)
    place.now += timedelta(seconds=1)
    publish(place, {B: None})
    after = place.read()
    place.now += timedelta(seconds=1)
    with pytest.raises(DenylistChanged, match=r"Somebody else has published .*Let only one apply run at a time"):
        ours.end(1)
    assert place.read() == after


def test_of_two_first_publications_the_second_to_end_is_refused(place: Place) -> None:
    ours = place.publisher()
    ours.begin(LINEAGE, 90)
    publish(place, {B: None}, lineage=OTHER)
    with pytest.raises((DenylistForeign, DenylistChanged)):
        ours.end(0)
    head = place.publisher().read_head()
    assert head is not None
    assert head.lineage == OTHER


def test_provisional_entries_stay_through_an_apply_and_go_when_their_ban_is_reviewed(place: Place) -> None:
    publish(place, {A: None})
    now = {B: TOMORROW, C: NEXT_WEEK, A_EVERYWHERE: TOMORROW}
    assert place.publisher().put_provisional(now) == {}
    assert place.read() == Contents(Head(LINEAGE, 1, 1, 90, NOW), {A: None}, now)
    publish(place, {A: TOMORROW})
    assert place.read().provisional == now
    publish(place, {B: NEXT_WEEK}, remove=(C,))
    assert place.read().provisional == {A_EVERYWHERE: TOMORROW}


def test_an_apply_that_knows_them_takes_the_same_provisional_entries_out(place: Place) -> None:
    publish(place, {})
    place.publisher().put_provisional({A: TOMORROW, B: TOMORROW})
    publisher = place.publisher()
    publisher.read()
    publisher.begin(LINEAGE, 90)
    publisher.publish({A: None}, superseded=[A, C])
    publisher.end(1)
    assert place.read() == Contents(Head(LINEAGE, 2, 1, 90, NOW), {A: None}, {B: TOMORROW})


def test_a_provisional_entry_is_made_longer_and_never_shorter(place: Place) -> None:
    publish(place, {})
    for end in (TOMORROW, NEXT_WEEK, TOMORROW):
        assert place.publisher().put_provisional({A: end}) == {}
    assert place.read().provisional == {A: NEXT_WEEK}


def test_a_provisional_entry_is_taken_out_again_and_others_stay(place: Place) -> None:
    publish(place, {A: None})
    place.publisher().put_provisional({A: TOMORROW, B: TOMORROW})
    assert place.publisher().take_provisional([A, C]) == {}
    assert place.read() == Contents(Head(LINEAGE, 1, 1, 90, NOW), {A: None}, {B: TOMORROW})


def test_without_a_denylist_a_provisional_entry_fails_and_nothing_is_written(place: Place) -> None:
    failed = place.publisher().put_provisional({A: TOMORROW, B: TOMORROW})
    assert failed.keys() == {A, B}
    assert isinstance(failed[A], DenylistUnreadable)
    assert str(failed[A]) == (
        f"There is no denylist at {place.location} yet. The first apply publishes it: run reconciler apply."
    )
    assert place.read() == Contents()


def test_what_is_retired_is_gone_and_can_be_published_anew(place: Place) -> None:
    publish(place, {A: None, B: TOMORROW})
    place.publisher().retire(LINEAGE)
    assert place.read() == Contents()
    place.publisher().retire(LINEAGE)
    publish(place, {C: None}, lineage=OTHER)
    assert place.read() == Contents(Head(OTHER, 1, 1, 90, NOW), {C: None})


def test_another_states_denylist_is_not_retired(place: Place) -> None:
    publish(place, {A: None}, lineage=OTHER)
    before = place.read()
    with pytest.raises(DenylistForeign):
        place.publisher().retire(LINEAGE)
    assert place.read() == before


@in_many_places
@given(BANS, PROVISIONAL)
def test_whatever_users_are_called_they_are_read_back_exactly(
    place: Place, bans: dict[BanKey, End], provisional: dict[BanKey, datetime]
) -> None:
    fresh = place.another()
    publish(fresh, bans)
    fresh.publisher().put_provisional(provisional)
    future = {key: end for key, end in provisional.items() if fresh.is_table or end > NOW}
    assert fresh.read() == Contents(Head(LINEAGE, 1, len(bans), 90, NOW), bans, future)
    publish(fresh, {}, remove=tuple(bans))
    assert fresh.read().bans == {}


def test_odd_users_are_told_apart(place: Place) -> None:
    bans = {BanKey(LOBBY, user_id): None for user_id in ODD_USERS}
    publish(place, bans)
    assert place.read().bans == bans


NOBODY: dict[BanKey, End] = {}
STEPS = st.lists(
    st.tuples(st.just("publish"), st.dictionaries(KEYS, ENDS, max_size=3), st.sets(KEYS, max_size=2))
    | st.tuples(st.just("put"), st.dictionaries(KEYS, ENDS, min_size=1, max_size=2), st.just(frozenset[BanKey]()))
    | st.tuples(st.just("take"), st.just(NOBODY), st.sets(KEYS, min_size=1, max_size=2)),
    max_size=8,
)


@in_many_places
@given(STEPS)
def test_an_apply_and_provisional_bans_lose_nothing_of_each_other(
    place: Place, steps: list[tuple[str, dict[BanKey, End], AbstractSet[BanKey]]]
) -> None:
    fresh = place.another()
    publish(fresh, {A: None})
    bans: dict[BanKey, End] = {A: None}
    provisional: dict[BanKey, datetime] = {}
    apply, beside = fresh.publisher(), fresh.publisher()
    apply.begin(LINEAGE, 90)
    for kind, entries, keys in steps:
        if kind == "publish":
            gone = keys - entries.keys()
            assert apply.publish(entries, remove=gone, superseded=[*entries, *gone]) == {}
            bans = {key: end for key, end in {**bans, **entries}.items() if key not in gone}
            provisional = {key: end for key, end in provisional.items() if key not in gone | entries.keys()}
        elif kind == "put":
            assert beside.put_provisional(dict.fromkeys(entries, TOMORROW)) == {}
            provisional.update(dict.fromkeys(entries, TOMORROW))
        else:
            assert beside.take_provisional(keys) == {}
            provisional = {key: end for key, end in provisional.items() if key not in keys}
    apply.end(len(bans))
    assert fresh.read() == Contents(Head(LINEAGE, 2, len(bans), 90, NOW), bans, provisional)


def test_at_the_same_time_an_apply_and_provisional_bans_lose_nothing_of_each_other(place: Place) -> None:
    place.longest = 0.5
    publish(place, {A: None})

    def apply(publisher: Publisher) -> None:
        for number in range(8):
            publisher.begin(LINEAGE, 90)
            assert publisher.publish({BanKey(LOBBY, f"ban{number}"): None}) == {}
            publisher.end(2 + number)

    def beside(prefix: str) -> Callable[[Publisher], None]:
        def steps(publisher: Publisher) -> None:
            for number in range(8):
                assert publisher.put_provisional({BanKey(LOBBY, f"{prefix}{number}"): TOMORROW}) == {}

        return steps

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(steps, place.publisher()) for steps in (apply, beside("x"), beside("y"))]:
            done.result(120)
    found = place.read()
    assert {key.user_id for key in found.bans} == {"a", *(f"ban{number}" for number in range(8))}
    assert {key.user_id for key in found.provisional} == {f"{p}{number}" for p in "xy" for number in range(8)}
    assert found.head == Head(LINEAGE, 9, 9, 90, NOW)


@pytest.mark.parametrize("location", ["ftp://host/denylist.json", "gs://bucket/key"])
def test_other_schemes_are_refused(location: str) -> None:
    with pytest.raises(DenylistUnreadable, match="is not a place for a denylist; use a path, s3://BUCKET/KEY or dyn"):
        open_publisher(location, now=lambda: NOW, sleep=lambda _seconds: False)


@pytest.mark.parametrize("name", ["", "a#b", "a b", "x" * 65, "ä", "bans\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DenylistUnreadable, match="cannot be the name of a denylist"):
        open_publisher("denylist.json", name, now=lambda: NOW, sleep=lambda _seconds: False)


def test_nothing_is_published_that_no_gate_would_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert document.LARGEST == LARGEST_DOCUMENT
    if place.is_table:
        pytest.skip("a table is read by the row")
    publish(place, {A: None})
    monkeypatch.setattr(document, "LARGEST", 600)
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    failed = publisher.publish({BanKey(LOBBY, f"user{number}"): None for number in range(100)})
    assert len(failed) == 100
    assert {str(failure) for failure in failed.values()} == {
        f"{place.location} is left as it is: with these bans it would be 0 MiB, and gates read at most 0 MiB."
        " Publish so many bans in DynamoDB."
    }
    assert place.read().bans == {A: None}
    monkeypatch.setattr(document, "LARGEST", 10)
    with pytest.raises(DenylistUnreadable, match="it is larger than 0 MiB"):
        place.publisher().begin(LINEAGE, 90)
