"""Values in which no user ID stands, for logs that more people read than may know who is banned.

A user ID becomes `user-` and a keyed hash of it: the same user has the same name in every output made with that key.
The hash is keyed because user IDs can be guessed: without the key, whoever has a list of users could hash them all and
compare.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from reconciler.banlist.schema import KEYS
from reconciler.bans import Ban, BanKey, Record
from reconciler.errors import AddressUnknown, BanListInvalid, ChatError, Problem, ReconcilerError
from reconciler.plan.change import Because, Change, Plan
from reconciler.plan.outcome import Outcome
from reconciler.state.value import State

MIN_KEY: Final = 16  # characters
HIDDEN: Final = "…"
_DIGITS: Final = 12  # of the hash, in hexadecimal: among 100,000 users two share one once in 50,000 keys


@dataclass(frozen=True, slots=True)
class Redaction:
    """Takes the user IDs out of values, or with no key leaves them as they are.

    Attributes:
        secret: what the hashes are keyed with; None redacts nothing.
    """

    secret: str | None = None

    def __repr__(self) -> str:
        return f"Redaction({'…' if self.secret else None})"

    def __bool__(self) -> bool:
        return self.secret is not None

    def user(self, user_id: str) -> str:
        """`user-` and the hash of a user ID."""
        return user_id if self.secret is None else f"user-{_hash(self.secret, user_id)[:_DIGITS]}"

    def text(self, text: str, user_id: str) -> str:
        """Text about a user, which may hold the user's ID."""
        return text.replace(user_id, self.user(user_id)) if self and user_id else text

    def key(self, key: BanKey) -> BanKey:
        """A ban's key."""
        return BanKey(key.room_arn, self.user(key.user_id))

    def change(self, change: Change) -> Change:
        """A change, with the user's ID taken out of the reasons too."""
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
        """A plan. The digest of the list goes too: a short list can be guessed from it."""
        if self.secret is None:
            return plan
        changes = [self.change(change) for change in plan.changes]
        # These are sorted by user ID in a plan, and between two known users there are not many.
        removed = sorted((change for change in changes if change.because is Because.REMOVED), key=lambda c: c.key)
        return replace(
            plan,
            changes=(*(change for change in changes if change.because is not Because.REMOVED), *removed),
            expired=tuple(self.key(key) for key in plan.expired),
            ban_list_sha256=_hash(self.secret, plan.ban_list_sha256),
        )

    def record(self, record: Record, user_id: str) -> Record:
        """What is recorded of a user."""
        return replace(record, ban=self._ban(record.ban, user_id)) if self else record

    def state(self, state: State) -> State:
        """A state."""
        if not self:
            return state
        records = {self.key(key): self.record(record, key.user_id) for key, record in state.records.items()}
        return replace(state, records=records)

    def outcome(self, outcome: Outcome) -> Outcome:
        """An outcome; the service may have named the user in its answer."""
        if not self:
            return outcome
        user_id = outcome.change.key.user_id
        return Outcome(
            self.change(outcome.change),
            None if outcome.record is None else self.record(outcome.record, user_id),
            None if outcome.error is None else self._chat_error(outcome.error, user_id),
        )

    def problems(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Problems of a list. What they quote of it goes: a user ID may stand where it does not belong."""
        if not self:
            return tuple(problems)
        return tuple(
            replace(problem, path=_without_keys(problem.path), message=re.sub(_QUOTED, f'"{HIDDEN}"', problem.message))
            for problem in problems
        )

    def error(self, error: ReconcilerError) -> ReconcilerError:
        """An error, for its message."""
        if not self:
            return error
        if isinstance(error, AddressUnknown):
            return AddressUnknown(error.template, [self.key(key) for key in error.keys], error.room_names)
        return BanListInvalid(self.problems(error.problems)) if isinstance(error, BanListInvalid) else error

    def _ban(self, ban: Ban, user_id: str) -> Ban:
        return ban if ban.reason is None else Ban(self.text(ban.reason, user_id), ban.expires_at)

    def _chat_error(self, error: ChatError, user_id: str) -> ChatError:
        return type(error)(self.text(error.advice, user_id), self.text(error.answer, user_id))


# Patterns are compiled when a list turns out to be wrong: every command imports this.
# What a message quotes of the list; that a character is to be written "\u200B" is advice.
_QUOTED: Final = r'"(?!\\u[0-9A-F]{4,8}")(?:[^"\\]|\\.)*"'
_STEP: Final = r'\[\d+\]|"(?:[^"\\]|\\.)*"|[^.\[\]"]+|.'
_KNOWN: Final = frozenset(key for keys in KEYS.values() for key in keys)


def without(message: str, doubtful: Iterable[str]) -> str:
    """A message without texts that may name somebody, as they stand or as Python quotes them."""
    texts = {form for text in doubtful for form in (text, repr(text)[1:-1]) if form}
    if not texts:
        return message
    longest_first = sorted(texts, key=len, reverse=True)
    return re.sub(f"(?<!\\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\\w)", HIDDEN, message)


def _without_keys(path: str) -> str:
    """A problem's path up to the first key that the schema does not know."""
    shown = ""
    for step in re.findall(_STEP, path):
        if step != "." and not step.startswith("[") and step not in _KNOWN:
            return shown + HIDDEN
        shown += step
    return shown


@lru_cache(maxsize=1024)
def _hash(secret: str, text: str) -> str:
    return hmac.digest(secret.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hex()
