"""The state in an object on S3, written only over the version that was read.

- `s3://bucket/key`: the state. Every write is conditional (`If-Match` on the ETag read, `If-None-Match: *` for the
  first), so that even without a lock no writer overwrites another's state.
- `key.lock`: an object that is created only if there is none, and says who holds it. It does not die with its process:
  `reconciler force-unlock` removes one that a dead machine has left.
- A journal on this machine holds what was recorded since the state was last saved.

Encryption, access and versions are those of the bucket: nothing is asked for, so nothing is made public. Conditional
writes: Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from typing_extensions import override  # in typing since Python 3.12

from reconciler.aws.clients import ERRORS, answered, code_of, config, late, session, why
from reconciler.errors import StateChanged, StateDamaged, StateLocked, StateTooNew, StateUnreadable, StateUnwritable
from reconciler.operating_system import command_line
from reconciler.reading import MAX_OWN, MEBIBYTE
from reconciler.state import file as state_file
from reconciler.state.value import State
from reconciler.stores import holder
from reconciler.stores.holder import Holder
from reconciler.stores.journal import Journal
from reconciler.stores.session import Session
from reconciler.stores.store import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SAVE_EVERY: Final = 20.0  # seconds between saves of a long apply
_LOCK_POLL: Final = 1.0  # seconds
# S3 answers 409 when two conditional writes meet; it is to be tried again.
_CONFLICT: Final = {"ConditionalRequestConflict", "PreconditionFailed", "412", "409"}

_SECONDS: Final = 300.0  # for one call, with its retries: a million bans are some 100 MB
_LOCK_SECONDS: Final = 60.0  # the same, for a call that is about the lock

_T = TypeVar("_T")
_ETag = str | None
"""The version of the object that was read; None where there is none."""

_FAILED: Final = (*ERRORS, TimeoutError)


class S3Store(Store[_ETag]):
    """A state in an object.

    Args:
        location: `s3://BUCKET/KEY`.
        warn: told when the journal of an interrupted run has to be left aside, or the lock stays.
        profile: of the AWS configuration.
    """

    def __init__(self, location: str, warn: Callable[[str], object], profile: str | None = None) -> None:
        super().__init__(location, warn, profile)
        self._bucket, _, self._key = location.removeprefix("s3://").partition("/")
        if not self._bucket or not self._key or self._key.endswith("/"):
            raise StateUnreadable(
                f"{location}: a state on S3 is s3://BUCKET/KEY, such as s3://moderation/bans.state.json"
            )
        self._lock_key = f"{self._key}.lock"

    @override
    @contextmanager
    def locked(self, who: Holder, timeout: float, lineage: str) -> Iterator[Session[_ETag]]:
        who = replace(who, lock_id=str(uuid4()))
        self._lock(who, timeout)
        try:
            with Session(
                self,
                self.journal(to_write=True),
                lineage,
                journal_stays=False,
                recovery_folders=[Path.cwd()],
                save_every=SAVE_EVERY,
            ) as session:
                yield session
        finally:
            self._unlock(who)

    @override
    def force_unlock(self, lock_id: str) -> Holder:
        who = self.held_by()
        if who is None:
            raise StateUnreadable(f"{self.location} is not locked.")
        if who.lock_id != lock_id:
            raise StateLocked(f"{self.location} is locked by {who}, with the lock ID {who.lock_id}.")
        try:
            self._remove_lock()
        except _FAILED as error:
            raise StateUnwritable(f"{self.location}.lock cannot be removed: {_why(error, _LOCK_SECONDS)}.") from error
        return who

    @override
    def load(self) -> tuple[State, _ETag]:
        def read() -> tuple[bytes, str]:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._key)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > MAX_OWN:
                    raise StateUnreadable(
                        f"{self.location}: the state cannot be read: it is larger than {MAX_OWN // MEBIBYTE:,} MiB."
                    )
                return body.read(), answer["ETag"]

        try:
            content, etag = _answered(read, _SECONDS)
        except _FAILED as error:
            if code_of(error) == "NoSuchKey":
                return State(), None
            raise StateUnreadable(f"{self.location}: the state cannot be read: {_why(error, _SECONDS)}.") from error
        try:
            return state_file.loads(content), etag
        except StateDamaged as error:
            raise StateDamaged(
                f"{self.location} is not a state file: {error}. Take the last good one from the versions of the bucket"
                " or from a copy. Do not just delete the state, or everybody in the list will be disconnected again."
            ) from error
        except StateTooNew as error:
            raise StateTooNew(f"{self.location}: {error}. Upgrade reconciler, and run it again.") from error

    @override
    def replace(self, state: State, version: _ETag) -> _ETag:
        content = state_file.dumps(state)
        try:
            return _answered(lambda: self._put(self._key, content, version), _SECONDS)
        except _FAILED as error:
            if code_of(error) not in _CONFLICT and code_of(error) != "NoSuchKey":
                raise StateUnwritable(
                    f"{self.location}: the state cannot be written: {_why(error, _SECONDS)}."
                ) from error
            # If an answer is lost on the way, the SDK tries again, and meets what it has just written itself.
            there, etag = self.load()
            if there == state:
                return etag
            raise StateChanged(
                f"{self.location} was changed by somebody else during this run, and is left as it is."
            ) from error

    @cached_property
    def _s3(self) -> "S3Client":
        try:
            return session(self.profile).client("s3", config=config(read_timeout=30))
        except (*ERRORS, ValueError) as error:
            raise StateUnreadable(f"{self.location}: the state cannot be reached: {error}.") from error

    def _put(self, key: str, content: bytes, version: _ETag) -> str:
        where = {"Bucket": self._bucket, "Key": key, "Body": content, "ContentType": "application/json"}
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        return self._s3.put_object(**where, **condition)["ETag"]  # type: ignore[arg-type]

    def _lock(self, who: Holder, timeout: float) -> None:
        deadline = monotonic() + timeout
        while True:
            try:
                _answered(lambda: self._put(self._lock_key, holder.dumps(who).encode(), None), _LOCK_SECONDS)
            except _FAILED as error:
                if code_of(error) not in _CONFLICT:
                    raise StateUnwritable(f"{self.location} cannot be locked: {_why(error, _LOCK_SECONDS)}.") from error
            else:
                return
            held_by = self.held_by()
            if held_by is not None and held_by.lock_id == who.lock_id:
                return  # an answer was lost on the way, and the SDK's second try met our own lock
            if monotonic() >= deadline:
                raise StateLocked(
                    f"{self.location} is locked by {held_by or 'another run'}. Wait for it to end, or give"
                    " --lock-timeout to wait here. If that run is dead for certain, remove its lock with"
                    f" `{self._force_unlock(held_by)}`."
                )
            sleep(min(_LOCK_POLL, max(0.0, deadline - monotonic())))

    @override
    def held_by(self) -> Holder | None:
        def read() -> bytes:
            with closing(self._s3.get_object(Bucket=self._bucket, Key=self._lock_key)["Body"]) as body:
                return body.read(MEBIBYTE)

        try:
            return holder.loads(_answered(read, _LOCK_SECONDS))
        except ValueError as error:
            raise StateUnreadable(
                f"{self.location}.lock is not a reconciler lock; inspect it, then remove it."
            ) from error
        except _FAILED as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise StateUnreadable(f"{self.location}.lock cannot be read: {_why(error, _LOCK_SECONDS)}.") from error

    def _unlock(self, who: Holder) -> None:
        try:
            held_by = self.held_by()
            if held_by is not None and held_by.lock_id == who.lock_id:
                self._remove_lock()
        except (StateUnreadable, *_FAILED) as error:
            said = str(error) if isinstance(error, StateUnreadable) else _why(error, _LOCK_SECONDS)
            self.warn(
                f"The lock of {self.location} could not be removed ({said.rstrip('.')}). Remove it with"
                f" `{self._force_unlock(who)}`."
            )

    def _remove_lock(self) -> None:
        _answered(lambda: self._s3.delete_object(Bucket=self._bucket, Key=self._lock_key), _LOCK_SECONDS)

    def _force_unlock(self, who: Holder | None) -> str:
        """The command that removes somebody's lock."""
        lock_id = who.lock_id if who is not None else "LOCK_ID"
        return command_line(["reconciler", "force-unlock", lock_id, "--state", self.location])

    @override
    def journal(self, *, to_write: bool = False) -> Journal:
        """The journal, on this machine, one for each location."""
        name = sha256(self.location.encode()).hexdigest()[:16]
        home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        folder = Path(home) / "reconciler"
        if to_write:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will contain user IDs
            except OSError:
                folder = Path(tempfile.mkdtemp(prefix="reconciler-"))
        return Journal(folder / f"{name}.journal")


def _answered(call: Callable[[], _T], seconds: float) -> _T:
    """What a call gives, which nothing interrupts: what was done is to be saved also when the run is to stop."""
    return answered(call, seconds=seconds, stopped=lambda: False)


def _why(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return late(seconds)
    return why(
        error,
        needed="s3:GetObject, s3:PutObject and s3:DeleteObject on the key and on key.lock, and s3:ListBucket on the"
        " bucket, without which S3 denies what is only not there yet",
    )
