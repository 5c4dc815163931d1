"""A denylist in an object on S3, replaced only where it is still the version that was read.

Every write is conditional (`If-Match` on the ETag read, `If-None-Match: *` for the first), and so is the removal. S3
answers 412 when the condition does not hold, and 409 when two conditional writes meet (Amazon S3 User Guide, "How to
prevent object overwrites with conditional writes"). Encryption, access and versions are those of the bucket.
"""

from collections.abc import Callable
from contextlib import closing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, TypeVar

from typing_extensions import override  # in typing since Python 3.12

from reconciler.aws.clients import ERRORS, NO_SUCH_BUCKET, answered, code_of, config, late, session, why
from reconciler.aws.endpoint import is_host_of_aws
from reconciler.errors import CallAbandoned, DenylistGone, DenylistUnreadable, DenylistUnwritable
from reconciler.publishers.document import DocumentPublisher, Overtaken
from reconciler.publishers.publisher import Means

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The last is what S3 answers where the object that was to be replaced is gone.
_OVERTAKEN: Final = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"}

_SECONDS: Final = 300.0  # for one call, with its retries: a million bans are some 100 MB

_T = TypeVar("_T")
_ETag = str | None
"""The version of the object; None where there is none."""

_FAILED: Final = (*ERRORS, TimeoutError, CallAbandoned)


class S3Publisher(DocumentPublisher[_ETag]):
    """Publishes a denylist in an object.

    Args:
        location: `s3://BUCKET/KEY`.
    """

    def __init__(self, location: str, name: str, means: Means) -> None:
        super().__init__(location, name, means)
        self._bucket, _, self._key = location.removeprefix("s3://").partition("/")
        if not self._bucket or not self._key or self._key.endswith("/"):
            raise DenylistUnreadable(
                f"{location}: a denylist on S3 is s3://BUCKET/KEY, such as s3://moderation/denylist.json"
            )

    @property
    @override
    def is_on_aws(self) -> bool:
        return is_host_of_aws(self._s3.meta.endpoint_url)

    @override
    def _load(self, known: _ETag | None) -> tuple[bytes | None, _ETag]:
        get = partial(self._s3.get_object, Bucket=self._bucket, Key=self._key)

        def read() -> tuple[bytes, str]:
            answer = get() if known is None else get(IfNoneMatch=known)
            with closing(answer["Body"]) as body:
                self._require_size(answer["ContentLength"])
                return body.read(), answer["ETag"]

        try:
            return self._answered(read)
        except _FAILED as error:
            match code_of(error):
                case "304" | "NotModified":
                    return None, known
                case "NoSuchKey":
                    return None, None
            failed = DenylistGone if code_of(error) == NO_SUCH_BUCKET else DenylistUnreadable
            raise failed(f"{self.location} cannot be read: {self._why(error)}.") from error

    @override
    def _replace(self, content: bytes, version: _ETag) -> _ETag:
        put = partial(
            self._s3.put_object, Bucket=self._bucket, Key=self._key, Body=content, ContentType="application/json"
        )
        put = partial(put, IfNoneMatch="*") if version is None else partial(put, IfMatch=version)
        try:
            return self._answered(put)["ETag"]
        except _FAILED as error:
            raise self._failed(error) from error

    @override
    def _delete(self, version: _ETag) -> None:
        if version is None:
            return
        try:
            self._answered(partial(self._s3.delete_object, Bucket=self._bucket, Key=self._key, IfMatch=version))
        except _FAILED as error:
            raise self._failed(error) from error

    def _answered(self, call: Callable[[], _T]) -> _T:
        return answered(call, seconds=_SECONDS, stopped=lambda: self._sleep(0))

    @cached_property
    def _s3(self) -> "S3Client":
        try:
            return session(self._profile).client("s3", config=config())
        except (*ERRORS, ValueError) as error:
            raise DenylistUnreadable(f"{self.location} cannot be reached: {error}.") from error

    def _failed(self, error: Exception) -> Overtaken | DenylistUnwritable:
        if code_of(error) in _OVERTAKEN:
            return Overtaken()
        return DenylistUnwritable(f"{self.location} cannot be written: {self._why(error)}.")

    def _why(self, error: Exception) -> str:
        if isinstance(error, CallAbandoned):
            return "the run was stopped before it was done"
        if isinstance(error, TimeoutError):
            return late(_SECONDS)
        return why(
            error,
            needed=f"s3:GetObject, s3:PutObject and s3:DeleteObject on arn:aws:s3:::{self._bucket}/{self._key}, and"
            f" s3:ListBucket on arn:aws:s3:::{self._bucket}, without which S3 denies what is only not there yet",
        )
