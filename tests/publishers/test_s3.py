"""A denylist on S3: what happens when two write at once, when answers are lost, and when S3 refuses."""

from typing import TYPE_CHECKING

import pytest

from reconciler.bans import BanKey
from reconciler.denylist import document
from reconciler.denylist.value import Contents, End
from reconciler.errors import DenylistChanged, DenylistGone, DenylistUnreadable, DenylistUnwritable, NotADenylist
from reconciler.publishers.document import PAUSES
from reconciler.publishers.s3 import S3Publisher
from tests.builders import LINEAGE, TOMORROW
from tests.denylist.builders import A, B, C, contents, head
from tests.moto_server import BUCKET
from tests.publishers.places import Place, are_jittered, object_on_s3
from tests.publishers.wire import Answer, answering, s3_error

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def place(s3: "S3Client") -> Place:
    return object_on_s3()


def publisher_at(place: Place) -> S3Publisher:
    publisher = place.publisher()
    assert isinstance(publisher, S3Publisher)
    return publisher


def begun(place: Place) -> S3Publisher:
    publisher = publisher_at(place)
    publisher.begin(LINEAGE, 90)
    return publisher


def publish(place: Place, entries: dict[BanKey, End]) -> None:
    publisher = begun(place)
    assert publisher.publish(entries) == {}
    publisher.end(len(entries))


def key_of(place: Place) -> str:
    return place.location.removeprefix(f"s3://{BUCKET}/")


def test_the_object_is_the_document(place: Place, s3: "S3Client") -> None:
    publish(place, {A: None})
    found = s3.get_object(Bucket=BUCKET, Key=key_of(place))
    assert found["Body"].read() == document.dumps(contents({A: None}))
    assert found["ContentType"] == "application/json"


def test_a_publication_of_one_step_writes_once_and_reads_once_more_for_nothing(place: Place) -> None:
    publish(place, {A: None})
    publisher = publisher_at(place)
    writes = answering(publisher._s3, "PutObject", lambda _body: None)
    publisher.begin(LINEAGE, 90)
    assert publisher.publish({B: None}) == {}
    publisher.end(2)
    assert len(writes) == 1


def test_a_provisional_entry_that_comes_in_between_is_kept(place: Place) -> None:
    publish(place, {A: None})
    publisher = begun(place)
    others = iter([{C: TOMORROW}])

    def put_meanwhile(_body: bytes) -> None:
        for entries in others:
            assert place.publisher().put_provisional(entries) == {}

    writes = answering(publisher._s3, "PutObject", put_meanwhile)
    assert publisher.publish({B: None}) == {}
    publisher.end(2)
    assert place.read() == Contents(head(2, serial=2), {A: None, B: None}, {C: TOMORROW})
    assert len(writes) == 2
    assert are_jittered(place.pauses, PAUSES[:1])


@pytest.mark.parametrize("refusal", [s3_error(409, "ConditionalRequestConflict"), s3_error(412, "PreconditionFailed")])
def test_a_conflict_is_tried_again(place: Place, refusal: Answer) -> None:
    publisher = begun(place)
    refusals = iter([refusal, refusal])
    answering(publisher._s3, "PutObject", lambda _body: next(refusals, None))
    assert publisher.publish({A: None}) == {}
    assert place.read().bans == {A: None}
    assert are_jittered(place.pauses, PAUSES[:2])


def test_a_conflict_that_does_not_end_is_given_up(place: Place) -> None:
    publish(place, {A: None})
    publisher = begun(place)
    answering(publisher._s3, "PutObject", lambda _body: s3_error(412, "PreconditionFailed"))
    failed = publisher.publish({B: None}, remove=[A])
    assert failed.keys() == {A, B}
    assert str(failed[B]).startswith(f"{place.location} cannot be written: 8 times somebody else replaced it")
    assert are_jittered(place.pauses, PAUSES)
    assert place.read().bans == {A: None}


def test_a_conflict_is_not_tried_again_when_the_run_is_to_stop(place: Place) -> None:
    publisher = begun(place)
    place.stopped = True
    writes = answering(publisher._s3, "PutObject", lambda _body: s3_error(412, "PreconditionFailed"))
    failed = publisher.publish({A: None})
    assert str(failed[A]) == f"The run was stopped before {place.location} could be written."
    assert len(writes) == 1


def test_a_write_whose_answer_is_lost_is_recognised_as_our_own(
    place: Place, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place, {C: None})
    publisher = begun(place)
    place.now = TOMORROW
    dumps = document.dumps

    def lose_answer(written: Contents) -> bytes:
        s3.put_object(Bucket=BUCKET, Key=key_of(place), Body=dumps(written))  # so S3 answers 412 to the second try
        return dumps(written)

    monkeypatch.setattr(document, "dumps", lose_answer)
    writes = answering(publisher._s3, "PutObject", lambda _body: None)
    assert publisher.publish({A: None}) == {}
    publisher.end(2)
    assert place.read().bans == {A: None, C: None}
    assert len(writes) == 1


def test_a_denylist_that_is_gone_in_the_middle_of_a_run_is_not_begun_anew_with_less(
    place: Place, s3: "S3Client"
) -> None:
    publish(place, {A: None, C: None})
    publisher = begun(place)
    s3.delete_object(Bucket=BUCKET, Key=key_of(place))
    assert isinstance(publisher.publish({B: None})[B], DenylistChanged)
    assert place.read() == Contents()


def test_what_is_retired_is_the_version_that_was_looked_at(place: Place) -> None:
    publish(place, {A: None})
    publisher = publisher_at(place)
    others = iter([{C: TOMORROW}])

    def put_meanwhile(_body: bytes) -> None:
        for entries in others:
            assert place.publisher().put_provisional(entries) == {}

    deletions = answering(publisher._s3, "DeleteObject", put_meanwhile)
    publisher.retire(LINEAGE)
    assert len(deletions) == 2
    assert place.read() == Contents()


def test_what_is_no_denylist_is_never_written_over(place: Place, s3: "S3Client") -> None:
    s3.put_object(Bucket=BUCKET, Key=key_of(place), Body=b"version: 1\n")
    with pytest.raises(NotADenylist, match="is not a denylist: it is not JSON"):
        begun(place)
    assert isinstance(place.publisher().put_provisional({A: TOMORROW})[A], NotADenylist)
    assert s3.get_object(Bucket=BUCKET, Key=key_of(place))["Body"].read() == b"version: 1\n"


DENIED = (
    "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {} on resource:"
    ' "arn:aws:s3:::moderation/x" because no identity-based policy allows the {} action'
)


def test_what_s3_denies_is_said_with_the_permission_to_add(place: Place) -> None:
    publisher = begun(place)
    refusal = s3_error(403, "AccessDenied", DENIED.format("s3:PutObject", "s3:PutObject"))
    writes = answering(publisher._s3, "PutObject", lambda _body: refusal)
    failed = publisher.publish({A: None})
    assert isinstance(failed[A], DenylistUnwritable)
    assert str(failed[A]).startswith(f"{place.location} cannot be written: ")
    assert str(failed[A]).endswith(" action. Allow s3:PutObject on arn:aws:s3:::moderation/x.")
    assert len(writes) == 1


def test_what_s3_denies_without_a_reason_is_said_with_all_that_is_needed(place: Place) -> None:
    publisher = publisher_at(place)
    answering(publisher._s3, "GetObject", lambda _body: s3_error(403, "AccessDenied", "Access Denied"))
    with pytest.raises(DenylistUnreadable) as caught:
        publisher.read()
    assert str(caught.value).endswith(
        f". Allow s3:GetObject, s3:PutObject and s3:DeleteObject on arn:aws:s3:::{BUCKET}/{key_of(place)}, and"
        f" s3:ListBucket on arn:aws:s3:::{BUCKET}, without which S3 denies what is only not there yet."
    )


def test_a_missing_bucket_is_an_error_and_not_an_empty_denylist(s3: "S3Client", place: Place) -> None:
    place.location = "s3://nobody-made-it/denylist.json"
    with pytest.raises(DenylistGone, match=r"bucket does not exist\. Make it, or correct its name\.$"):
        place.publisher().read()
    with pytest.raises(DenylistGone):
        place.publisher().retire(LINEAGE)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (301, "PermanentRedirect")])
def test_a_bucket_that_is_denied_or_in_another_region_is_not_gone(place: Place, status: int, code: str) -> None:
    publisher = publisher_at(place)
    answering(publisher._s3, "GetObject", lambda _body: s3_error(status, code))
    with pytest.raises(DenylistUnreadable) as caught:
        publisher.retire(LINEAGE)
    assert type(caught.value) is DenylistUnreadable


@pytest.mark.parametrize("location", ["s3://", "s3://bucket", "s3://bucket/", "s3://bucket/folder/", "s3:///key"])
def test_a_location_without_a_bucket_or_a_key_is_refused(location: str) -> None:
    with pytest.raises(DenylistUnreadable, match="is s3://BUCKET/KEY, such as s3://moderation/deny"):
        Place(location, another=object_on_s3).publisher()
