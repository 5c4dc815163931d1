"""Objects on S3 that are read one after the other, however many and however large they are.

Every call ends: each page and each piece has its time. A piece that does not come is asked for again, from where the
last one ended, and only of the same version of the object.

A busy platform has some hundred thousand small logs a day, and each answer takes tens of milliseconds. So small objects
are read ahead, 16 at once: fifteen times as many a second, against a server that takes 30 ms.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import TYPE_CHECKING, Final, TypeVar

from reconciler.aws.clients import ERRORS, answered, code_of, config, session, why
from reconciler.errors import LogUnreadable

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_PIECE: Final = 2**20  # bytes
_SECONDS: Final = 120.0  # for a page, or for a piece, with the retries of the call
_ATTEMPTS: Final = 4  # in a row without a byte
_THREADS: Final = 16
_AHEAD: Final = 32  # objects of one piece at most, which is what is held in memory
_FAILED: Final = (*ERRORS, TimeoutError)

T = TypeVar("T")
Pieces = Callable[[], Iterator[bytes]]
"""The content of an object. Raises LogUnreadable."""


@dataclass(frozen=True, slots=True)
class Object:
    """An object as it is listed.

    Attributes:
        key: its key.
        etag: its version.
        size: bytes.
        modified: when it was written, aware: nothing in it is younger.
    """

    key: str
    etag: str
    size: int
    modified: datetime


class Objects:
    """The objects below a prefix.

    Args:
        location: `s3://BUCKET/PREFIX`, or `s3://BUCKET`.
        profile: of the AWS configuration.

    Raises:
        LogUnreadable: no bucket is named.
    """

    def __init__(self, location: str, profile: str | None = None) -> None:
        self.location = location
        self.bucket, _, self.prefix = location.removeprefix("s3://").partition("/")
        self._profile = profile
        if not self.bucket:
            raise LogUnreadable(f"{location}: logs on S3 are s3://BUCKET/PREFIX", private=[location])

    def listed(self) -> Iterator[Object]:
        """Every object, by key. Raises LogUnreadable."""
        token: dict[str, str] = {}
        while True:
            call = partial(self._s3.list_objects_v2, Bucket=self.bucket, Prefix=self.prefix, **token)  # type: ignore[arg-type]
            page = self._answered(call, self.location)
            for found in page.get("Contents", ()):
                yield Object(found["Key"], found["ETag"], found["Size"], found["LastModified"])
            following = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not following or following == token.get("ContinuationToken"):
                return
            token = {"ContinuationToken": following}

    def contents(self, wanted: Callable[[Object], bool]) -> Iterator[tuple[Object, Pieces]]:
        """The objects that are wanted, by key. Raises LogUnreadable."""
        ahead: deque[tuple[Object, Pieces]] = deque()
        with ThreadPool(_THREADS) as pool:
            for listed in filter(wanted, self.listed()):
                pieces = partial(self.pieces, listed)
                if listed.size <= _PIECE:
                    pieces = partial(_ready, pool.apply_async(lambda pieces=pieces: list(pieces())))
                ahead.append((listed, pieces))
                if len(ahead) > _AHEAD:
                    yield ahead.popleft()
            yield from ahead

    def url(self, listed: Object) -> str:
        """`s3://BUCKET/KEY`."""
        return f"s3://{self.bucket}/{listed.key}"

    def pieces(self, listed: Object) -> Iterator[bytes]:
        """The content of an object. Raises LogUnreadable."""
        read = failed = 0
        while read < listed.size:
            body = self._body(listed, read)
            try:
                while piece := answered(partial(body.read, _PIECE), seconds=_SECONDS, stopped=_never):
                    read += len(piece)
                    failed = 0
                    yield piece
            except _FAILED as error:
                failed += 1
                if failed == _ATTEMPTS:
                    raise self._unreadable(error, self.url(listed)) from error
            else:
                return
            finally:
                body.close()

    def _body(self, listed: Object, start: int) -> "StreamingBody":
        get = partial(self._s3.get_object, Bucket=self.bucket, Key=listed.key, IfMatch=listed.etag)
        if start:
            get = partial(get, Range=f"bytes={start}-")
        return self._answered(get, self.url(listed))["Body"]

    def _answered(self, call: Callable[[], T], what: str) -> T:
        try:
            return answered(call, seconds=_SECONDS, stopped=_never)
        except _FAILED as error:
            raise self._unreadable(error, what) from error

    @cached_property
    def _s3(self) -> "S3Client":
        try:
            return session(self._profile).client("s3", config=config(connections=_THREADS))
        except (*ERRORS, ValueError) as error:
            raise LogUnreadable(f"{self.location} cannot be reached: {error}.") from error

    def _unreadable(self, error: Exception, what: str) -> LogUnreadable:
        if isinstance(error, TimeoutError):
            return LogUnreadable(f"{what} cannot be read: no answer came within {_SECONDS:.0f} s.")
        if code_of(error) in {"PreconditionFailed", "412"}:
            return LogUnreadable(f"{what} cannot be read: it has changed since it was listed. Run the audit again.")
        needed = f"s3:ListBucket on arn:aws:s3:::{self.bucket} and s3:GetObject on arn:aws:s3:::{self.bucket}/*"
        return LogUnreadable(f"{what} cannot be read: {why(error, needed=needed)}.")


def _ready(result: "AsyncResult[list[bytes]]") -> Iterator[bytes]:
    return iter(result.get())


def _never() -> bool:
    return False
