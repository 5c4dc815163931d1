"""The state on S3, against moto's server: no writer overwrites another, and no reported ban is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from reconciler import Ban, BanKey, Record, State, load_state
from reconciler.errors import (
    EndpointMixed,
    PushRefused,
    StateChanged,
    StateDamaged,
    StateLocked,
    StateUnreadable,
    StateUnwritable,
)
from reconciler.reading import MEBIBYTE
from reconciler.state import file as state
from reconciler.stores import holder
from reconciler.stores.holder import Holder
from reconciler.stores.s3 import S3Store
from tests.aws.servers import Behaviour, behaving, dripping, silent
from tests.builders import LINEAGE, LOBBY, NOW, SANDBOX, ban, recorded
from tests.moto_server import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HOLDER = Holder("apply", "alice", "build-7", 4242, NOW)
A, B = BanKey(LOBBY, "a"), BanKey(LOBBY, "b")
RECORD = Record(Ban("Spam"), NOW, "id")


@pytest.fixture(autouse=True)
def _a_machine_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def key() -> str:
    return f"{uuid4()}/bans.state.json"


warned: list[str] = []


def store(key: str) -> S3Store:
    warned.clear()
    return S3Store(f"s3://{BUCKET}/{key}", warned.append)


def put(s3: "S3Client", key: str, content: State) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=state.dumps(content))


def get(s3: "S3Client", key: str) -> State:
    return state.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def keys(s3: "S3Client", key: str) -> list[str]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", [])
    return [entry["Key"].removeprefix(key) for entry in found]


def test_no_object_is_an_empty_state(s3: "S3Client", key: str) -> None:
    assert load_state(f"s3://{BUCKET}/{key}") == State()


def test_what_is_saved_is_read_and_the_lock_is_gone(s3: "S3Client", key: str) -> None:
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        assert keys(s3, key) == [".lock"]
        opened.keep([(A, RECORD)])
        opened.save()
    assert load_state(f"s3://{BUCKET}/{key}") == State(LINEAGE, 1, {A: RECORD})
    assert keys(s3, key) == [""]
    assert warned == []


def test_a_rehearsal_is_kept_apart_on_s3_too(s3: "S3Client", key: str) -> None:
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        opened.against(SANDBOX)
        opened.keep([(A, RECORD)])
    assert load_state(f"s3://{BUCKET}/{key}").endpoint == SANDBOX  # in the journal
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        opened.save()
    assert get(s3, key) == State(LINEAGE, 1, {A: RECORD}, SANDBOX)
    with store(key).locked(HOLDER, 0, LINEAGE) as opened, pytest.raises(EndpointMixed):
        opened.against(None)


def test_what_met_somebody_else_s_state_is_merged_into_it(s3: "S3Client", key: str) -> None:
    put(s3, key, recorded(serial=5))
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        put(s3, key, recorded(ban("b"), serial=6))
        with pytest.raises(StateChanged):
            opened.save()
    [recovered] = Path.cwd().glob("bans.state.recovered-*.json")
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        assert opened.push(*state.loads_recovery(recovered.read_bytes())) == 1
    assert set(get(s3, key).records) == {A, B}


def test_a_later_save_replaces_what_was_read(s3: "S3Client", key: str) -> None:
    put(s3, key, recorded(ban("b"), serial=5))
    with store(key).locked(HOLDER, 0, "not used") as opened:
        opened.keep([(A, RECORD), (B, None)])
        opened.save()
    assert get(s3, key) == State(LINEAGE, 6, {A: RECORD})


@pytest.mark.parametrize("before", [None, recorded(serial=5)])
def test_no_writer_overwrites_another(s3: "S3Client", key: str, before: State | None) -> None:
    if before is not None:
        put(s3, key, before)
    others = recorded(ban("b"), serial=6)
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        put(s3, key, others)
        with pytest.raises(StateChanged, match=r"changed by somebody else.* What was done is in .*recovered-.*json"):
            opened.save()
    assert get(s3, key) == others
    [recovered] = Path.cwd().glob("bans.state.recovered-*.json")
    assert load_state(str(recovered)).records == {A: RECORD}


def test_a_write_whose_answer_is_lost_is_recognised_as_our_own(
    s3: "S3Client", key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_store = store(key)
    with opened_store.locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        put(s3, key, opened.state.generation(lineage=LINEAGE))  # the first try, of which we never heard
        opened.save()
    assert get(s3, key).records == {A: RECORD}


def test_a_held_lock_says_who_holds_it_and_how_to_break_it(s3: "S3Client", key: str) -> None:
    with store(key).locked(HOLDER, 0, LINEAGE):
        lock_id = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{key}.lock")["Body"].read())["lock_id"]
        with pytest.raises(StateLocked) as caught, store(key).locked(HOLDER, 0, LINEAGE):
            pytest.fail("locked twice")
        assert load_state(f"s3://{BUCKET}/{key}") == State()  # reading needs no lock
    assert str(caught.value) == (
        f"s3://{BUCKET}/{key} is locked by `apply` of alice on build-7 (process 4242, since 2026-11-22 16:00:00 UTC)."
        " Wait for it to end, or give --lock-timeout to wait here. If that run is dead for certain, remove its lock"
        f" with `reconciler force-unlock {lock_id} --state s3://{BUCKET}/{key}`."
    )


def test_no_more_is_read_than_a_lock_can_be(s3: "S3Client", key: str) -> None:
    """What lies where the lock belongs need not be one."""
    s3.put_object(Bucket=BUCKET, Key=f"{key}.lock", Body=holder.dumps(HOLDER) + " " * MEBIBYTE + "x")
    with pytest.raises(StateLocked, match="is locked by"), store(key).locked(HOLDER, 0, LINEAGE):
        pytest.fail("locked twice")


def test_force_unlock_removes_the_lock_with_this_id_only(s3: "S3Client", key: str) -> None:
    left_behind = Holder("apply", "bob", "dead", 1, NOW, "the-id")
    s3.put_object(Bucket=BUCKET, Key=f"{key}.lock", Body=holder.dumps(left_behind))
    with pytest.raises(StateLocked, match="with the lock ID the-id"):
        store(key).force_unlock("another-id")
    assert store(key).force_unlock("the-id") == left_behind
    with pytest.raises(StateUnreadable, match="is not locked"):
        store(key).force_unlock("the-id")
    with store(key).locked(HOLDER, 0, LINEAGE):
        pass


def test_a_lock_that_was_broken_meanwhile_is_not_removed_from_its_new_holder(s3: "S3Client", key: str) -> None:
    with store(key).locked(HOLDER, 0, LINEAGE):
        new_holder = Holder("apply", "bob", "h", 1, NOW, "new")
        s3.put_object(Bucket=BUCKET, Key=f"{key}.lock", Body=holder.dumps(new_holder))
    assert keys(s3, key) == [".lock"]


def test_a_damaged_object_is_never_an_empty_state(s3: "S3Client", key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"{")
    with pytest.raises(StateDamaged, match="Do not just delete the state"):
        store(key).read()


def test_a_missing_bucket_is_an_error(s3: "S3Client") -> None:
    with pytest.raises(StateUnreadable, match=r"bucket does not exist\. Make it, or correct its name\.$"):
        load_state("s3://nobody-made-it/key")
    with (
        pytest.raises(StateUnwritable, match=r"cannot be locked: .* Make it, or correct its name\.$"),
        S3Store("s3://nobody-made-it/key", print).locked(HOLDER, 0, LINEAGE),
    ):
        pytest.fail("locked")


NO_ANSWER = r"no whole answer came within 0 s\. Check the network and the endpoint URL\.$"


@pytest.mark.parametrize(
    "behaviour",
    [
        silent,
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: e\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\n"),
    ],
    ids=["silent", "body", "headers"],
)
def test_an_s3_that_never_answers_or_never_ends_to_is_given_up(
    behaviour: Behaviour, s3: "S3Client", key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store(key).locked(HOLDER, 0, LINEAGE) as opened, behaving(behaviour) as port, monkeypatch.context() as later:
        opened.keep([(A, RECORD)])
        for seconds in ("_SECONDS", "_LOCK_SECONDS"):
            later.setattr(f"reconciler.stores.s3.{seconds}", 0.3)
        later.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        opened._store = elsewhere = store(key)
        with pytest.raises(StateUnreadable, match=f"the state cannot be read: {NO_ANSWER}"):
            elsewhere.read()
        with pytest.raises(StateUnreadable, match=rf"\.lock cannot be read: {NO_ANSWER}"):
            elsewhere.force_unlock("an-id")
        with (
            pytest.raises(StateUnwritable, match=f"cannot be locked: {NO_ANSWER}"),
            elsewhere.locked(HOLDER, 0, LINEAGE),
        ):
            pytest.fail("locked")
        with pytest.raises(StateUnwritable, match=r"cannot be written: no whole answer .* What was done is in"):
            opened.save()
        elsewhere._unlock(HOLDER)
        assert warned[-1].startswith(f"The lock of s3://{BUCKET}/{key} could not be removed (s3://")
    [recovered] = Path.cwd().glob("bans.state.recovered-*.json")
    assert load_state(str(recovered)).records == {A: RECORD}


def test_what_a_machine_without_threads_cannot_save_is_left_in_a_recovery_file(
    s3: "S3Client", key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        with monkeypatch.context() as starved:
            starved.setattr(Thread, "start", refuse)
            with pytest.raises(StateUnwritable, match=r"cannot start more threads\. What was done is in"):
                opened.save()
    [recovered] = Path.cwd().glob("bans.state.recovered-*.json")
    assert load_state(str(recovered)).records == {A: RECORD}


def test_without_credentials_there_is_one_sentence(s3: "S3Client", key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StateUnreadable, match="Unable to locate credentials"):
        store(key).read()


def test_a_state_that_cannot_be_saved_is_left_in_a_recovery_file(s3: "S3Client") -> None:
    bucket = f"bucket-{uuid4()}"
    location = f"s3://{bucket}/bans.state.json"
    s3.create_bucket(Bucket=bucket)
    with S3Store(location, warned.append).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        s3.delete_object(Bucket=bucket, Key="bans.state.json.lock")
        s3.delete_bucket(Bucket=bucket)
        with pytest.raises(StateUnwritable) as caught:
            opened.save()
    [recovered] = Path.cwd().glob("bans.state.recovered-*.json")
    assert f"reconciler state push {recovered} --state {location}" in str(caught.value)
    assert recovered.stat().st_mode & 0o077 == 0
    warned.clear()
    s3.create_bucket(Bucket=bucket)
    with S3Store(location, warned.append).locked(HOLDER, 0, LINEAGE) as again:
        again.push(state.loads(recovered.read_text()))
    assert load_state(location) == State(LINEAGE, 1, {A: RECORD})
    assert warned == []


def test_only_a_later_generation_of_the_same_state_is_pushed(s3: "S3Client", key: str) -> None:
    put(s3, key, recorded(serial=5))
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        for other in (recorded(serial=4), recorded(ban("b"), serial=5), recorded(serial=6, lineage=str(uuid4()))):
            with pytest.raises(PushRefused):
                opened.push(other)
        opened.push(recorded(ban("a"), serial=6))
    assert get(s3, key) == recorded(ban("a"), serial=6)


def test_a_long_apply_saves_now_and_then(s3: "S3Client", key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.stores.s3.SAVE_EVERY", 0)
    with store(key).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        assert get(s3, key) == State(LINEAGE, 1, {A: RECORD})


def test_a_killed_run_leaves_its_records_to_the_next_one_on_this_machine(s3: "S3Client", key: str) -> None:
    code = (
        "import os\nfrom tests.stores.test_s3 import *\n"
        f"locked = store({key!r}).locked(HOLDER, 0, LINEAGE)\nopened = locked.__enter__()\n"
        "opened.keep([(A, RECORD)])\nos._exit(9)\n"
    )
    here = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], check=False, env=os.environ | {"PYTHONPATH": here})
    assert store(key).read().records == {A: RECORD}
    lock_id = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{key}.lock")["Body"].read())["lock_id"]
    store(key).force_unlock(lock_id)
    with store(key).locked(HOLDER, 0, "another") as opened:
        opened.keep([(B, RECORD)])
        opened.save()
    assert get(s3, key) == State(LINEAGE, 1, {A: RECORD, B: RECORD})


def test_a_state_that_is_larger_than_a_state_can_be_is_not_read(
    s3: "S3Client", key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, key, recorded(ban("a")))
    monkeypatch.setattr("reconciler.stores.s3.MAX_OWN", 10)
    with pytest.raises(StateUnreadable, match="the state cannot be read: it is larger than 0 MiB"):
        store(key).read()
