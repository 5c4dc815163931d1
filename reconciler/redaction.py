"""Values without user IDs in them, for logs that more people read than may know who is banned.

A user ID becomes `user-` and a keyed hash of it: the same user has the same name in every output made with
that key. The hash is keyed because user IDs can be guessed: anybody with a list of users could hash them all and
compare.
"""

import hmac
import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from reconciler.audit.value import Audit
from reconciler.bans import Ban, BanKey, Record
from reconciler.errors import AddressUnknown, BanListInvalid, ChatError, DenylistError, Problem, ReconcilerError
from reconciler.plan.change import Because, Change, Plan
from reconciler.plan.outcome import Outcome
from reconciler.state.value import State
from reconciler.verdicts import Check

if TYPE_CHECKING:
    from reconciler.plan.why import Answer, Commit

MIN_KEY: Final = 16  # characters
HIDDEN: Final = "…"
_DIGITS: Final = 12  # of the hash, in hexadecimal: among 100,000 users two share one once in 50,000 keys


@dataclass(frozen=True, slots=True)
class Redaction:
    """Takes the user IDs out of values. Without a key it leaves them as they are.

    Attributes:
        secret: what the hashes are keyed with; None redacts nothing.
    """

    secret: str | None = None

    def __repr__(self) -> str:
        return f"Redaction({HIDDEN if self.secret else None})"

    def __bool__(self) -> bool:
        return self.secret is not None

    def user(self, user_id: str) -> str:
        """`user-` and the hash of a user ID."""
        return user_id if self.secret is None else f"user-{_hash(self.secret, user_id)[:_DIGITS]}"

    def text(self, text: str, user_id: str) -> str:
        """Text about a user, which may contain the user's ID."""
        return text.replace(user_id, self.user(user_id)) if self and user_id else text

    def key(self, key: BanKey) -> BanKey:
        """A ban's key."""
        return BanKey(key.room_arn, self.user(key.user_id))

    def change(self, change: Change) -> Change:
        """A change. The user's ID goes out of the reasons too."""
        if not self:
            return change
        user_id = change.key.user_id
        return Change(
            self.key(change.key),
            None if change.before is None else self.record(change.before, user_id),
            None if change.after is None else self._ban(change.after, user_id),
            change.because,
        )

    def plan(self, plan: Plan) -> Plan:
        """A plan. The digest of the list is hashed too: a short list can be guessed from it."""
        if self.secret is None:
            return plan
        changes = [self.change(change) for change in plan.changes]
        # A plan has these sorted by user ID, so a hidden one could be guessed from its neighbours.
        groups = (Because.REMOVED, Because.UNPUBLISHED, Because.UNKNOWN)
        moved = [sorted((c for c in changes if c.because is because), key=lambda c: c.key) for because in groups]
        return replace(
            plan,
            changes=(*(change for change in changes if change.because not in groups), *chain.from_iterable(moved)),
            expired=tuple(self.key(key) for key in plan.expired),
            owed=tuple(sorted(self.key(key) for key in plan.owed)),
            warnings=self.problems(plan.warnings),
            ban_list_sha256=_hash(self.secret, plan.ban_list_sha256),
        )

    def record(self, record: Record, user_id: str) -> Record:
        """A user's record."""
        return replace(record, ban=self._ban(record.ban, user_id)) if self else record

    def state(self, state: State) -> State:
        """A state."""
        if not self:
            return state
        records = {self.key(key): self.record(record, key.user_id) for key, record in state.records.items()}
        return replace(state, records=records)

    def audit(self, audit: Audit) -> Audit:
        """What an audit has come to."""
        return audit.of(replace(finding, key=self.key(finding.key)) for finding in audit.findings) if self else audit

    def answer(self, answer: "Answer") -> "Answer":
        """What is known of one user. Entries and the subjects of commits may name others, so they are left out."""
        if not self:
            return answer
        user_id = answer.user_id

        def commit(of: "Commit | None") -> "Commit | None":
            return None if of is None else replace(of, subject=None)

        rulings = tuple(
            replace(
                ruling,
                key=self.key(ruling.key),
                reason=None if ruling.reason is None else self.text(ruling.reason, user_id),
                listed=None if ruling.listed is None else self._ban(ruling.listed, user_id),
                record=None if ruling.record is None else self.record(ruling.record, user_id),
                entry=None if ruling.entry is None else replace(ruling.entry, text=""),
                commit=commit(ruling.commit),
            )
            for ruling in answer.rulings
        )
        lifted = tuple(
            replace(
                each,
                key=self.key(each.key),
                ban=self._ban(each.ban, user_id),
                added=commit(each.added),
                removed=replace(each.removed, subject=None),
            )
            for each in answer.lifted or ()
        )
        return replace(
            answer,
            user_id=self.user(user_id),
            rulings=rulings,
            protected_by=HIDDEN if answer.protected_by is not None else None,
            lifted=None if answer.lifted is None else lifted,
            suggestions=(),
        )

    def outcome(self, outcome: Outcome) -> Outcome:
        """An outcome. The service may have named the user in its answer."""
        if not self:
            return outcome
        user_id = outcome.change.key.user_id
        return Outcome(
            self.change(outcome.change),
            None if outcome.record is None else self.record(outcome.record, user_id),
            None if outcome.error is None else self._failure(outcome.error, user_id),
        )

    def problems(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Problems of a list, without what they quote from it."""
        return tuple(map(_without_texts, problems)) if self else tuple(problems)

    def error(self, error: ReconcilerError) -> ReconcilerError:
        """An error, for its message."""
        if not self:
            return error
        shown: ReconcilerError
        if isinstance(error, AddressUnknown):
            shown = AddressUnknown(error.template, [(room, self.user(user_id)) for room, user_id in error.addresses])
        elif isinstance(error, BanListInvalid):
            shown = BanListInvalid(self.problems(error.problems))
        else:
            shown = copy(error)
            shown.args = (_hidden(str(error), error.private, HIDDEN),)
        shown.__notes__ = list(getattr(error, "__notes__", ()))
        return shown

    def check(self, check: Check) -> Check:
        """What `doctor` found, without what it quotes."""
        if not self:
            return check
        subject, detail, advice = (
            _hidden(text, check.private, HIDDEN) for text in (check.subject, check.detail, check.advice)
        )
        return replace(check, subject=subject, detail=detail, advice=advice, private=())

    def _ban(self, ban: Ban, user_id: str) -> Ban:
        return ban if ban.reason is None else Ban(self.text(ban.reason, user_id), ban.expires_at)

    def _failure(self, error: ChatError | DenylistError, user_id: str) -> ChatError | DenylistError:
        if isinstance(error, ChatError):
            return type(error)(self.text(error.advice, user_id), self.text(error.answer, user_id))
        return type(error)(self.text(error.advice, user_id))


def _without_texts(problem: Problem) -> Problem:
    """A problem without the texts that it quotes from the list: a user ID may stand where it does not belong."""
    message = _hidden(problem.message, problem.private, f'"{HIDDEN}"')
    return replace(problem, path=_without_names(problem.path), message=message, private=())


def _hidden(message: str, private: Sequence[str], shown: str) -> str:
    """A message without its private parts, which it has in this order, each as words of their own."""
    done, rest = "", message
    for text in private:
        found = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", rest) if text else None
        if found is not None:
            done, rest = done + rest[: found.start()] + shown, rest[found.end() :]
    return done + rest


# The names in a path that come from the schema and not from the list. A step after `rooms` is the name of a room.
_STEP: Final = re.compile(r'\[\d+\]|"(?:[^"\\]|\\.)*"|[^.\[\]"]+|.')


def _without_names(path: str) -> str:
    """A problem's path up to the first key that is not one of the schema's."""
    from reconciler.banlist.schema import KEYS  # noqa: PLC0415 - few runs have problems to redact

    known = {key for keys in KEYS.values() for key in keys}
    shown = ""
    for step in _STEP.findall(path):
        if step != "." and not step.startswith("[") and step not in known:
            return shown + HIDDEN
        shown += step
    return shown


@lru_cache(maxsize=1024)
def _hash(secret: str, text: str) -> str:
    return hmac.digest(secret.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hex()
