"""What somebody has asked for with the form: the inputs of `ban.yml`, as the event of the run has them.

They are read from the file of the event and from nowhere else, so that no expression of a workflow, no script and no
line of the log ever holds one. Whoever fills in the form can write anything into it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.ci import runner
from reconciler.ci.platform import StepFailed

BAN: Final = "ban"
CHANGE: Final = "change a ban"
LIFT: Final = "lift a ban"

MAX_USERS: Final = 100  # more than a person types; a raid is banned from a table
MAX_LENGTH: Final = 128  # characters of a user ID and of the ARN of a room (Amazon IVS Chat API Reference)
MAX_REASON: Final = 256

_FOR_GOOD: Final = "for good"
_EVERY_ROOM: Final = {"all": "--all", "everywhere": "--everywhere"}
_DURATION: Final = re.compile(r"(\d+) (minute|hour|day|week)s?", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s,]+")
# Commas of other scripts, which keyboards of phones have: nobody can tell whether one is part of a user ID.
_OTHER_COMMA: Final = re.compile("[\uff0c\u3001\u060c]")
_TITLES: Final = {BAN: "Ban {}", CHANGE: "Change the bans of {}", LIFT: "Lift the bans of {}"}


@dataclass(frozen=True, slots=True)
class Form:
    """A form that is filled in.

    Attributes:
        what: `BAN`, `CHANGE` or `LIFT`.
        users: user IDs, each once.
        rooms: what was written as rooms: names, ARNs, or a word for every room.
        reason: why; empty for no reason.
        duration: for how long, in the words of the form; empty if it does not say.
        now: whether to act at once as well.
        ban_list: the list that is meant.
    """

    what: str
    users: Sequence[str]
    rooms: Sequence[str]
    reason: str
    duration: str
    now: bool
    ban_list: str

    @property
    def title(self) -> str:
        """What is asked for, in our own words and figures."""
        count = len(self.users)
        return _TITLES[self.what].format(f"{count} user" if count == 1 else f"{count} users")

    def command(self, *options: str) -> list[str]:
        """The command that does it, for a call without a shell. Nothing in the form can become another option.

        Args:
            options: more options, of our own.
        """
        command = ["reconciler", "lift" if self.what == LIFT else "ban", *options, *self._in_rooms()]
        if self.what != LIFT:
            command += ["--update"] if self.what == CHANGE else []
            command += [f"--reason={self.reason}"] if self.reason else []
            command += self._ends()
        return [*command, "--", *self.users]

    def _in_rooms(self) -> list[str]:
        if len(self.rooms) == 1 and self.rooms[0].lower() in _EVERY_ROOM:
            # Without a room, `lift` lifts every ban of a user.
            return [] if self.what == LIFT else [_EVERY_ROOM[self.rooms[0].lower()]]
        return [f"--room={room}" for room in self.rooms]

    def _ends(self) -> list[str]:
        if self.duration == _FOR_GOOD:
            return ["--until=never"]
        written = _DURATION.fullmatch(self.duration)
        duration = f"{written[1]}{written[2][0]}" if written else self.duration
        return [f"--for={duration}"] if duration else []


def filled_in(event: Mapping[str, Any]) -> Form:
    """The form that has started a run.

    Args:
        event: what has started the run.

    Raises:
        StepFailed: it cannot be understood.
    """
    inputs = event.get("inputs")
    if not isinstance(inputs, dict):
        raise StepFailed("Nobody has filled in a form for this run. It is started with *Run workflow*.")
    what = _text(inputs, "what") or BAN
    if what not in _TITLES:
        raise StepFailed(f"`what` is none of {BAN}, {CHANGE} and {LIFT}.")
    users = _several(inputs, "users", "A user ID")
    if not users:
        raise StepFailed("No user is named. Write at least one user ID.")
    if any(_OTHER_COMMA.search(user) for user in users):
        raise StepFailed("A user ID has a comma of another script in it. Write a space or a plain comma between users.")
    if any(len(user) > 1 and user.startswith('"') and not user.endswith('"') for user in users):
        raise StepFailed(
            "A form cannot name a user whose ID has a space or a comma in it: quotes do not keep it together. Use"
            " `reconciler ban`, or the file itself."
        )
    if len(users) > MAX_USERS:
        raise StepFailed(
            f"There are {len(users):,} users, and a form takes {MAX_USERS}. Use several, or ban from a table as"
            " docs/moderators.md says."
        )
    rooms = _several(inputs, "room", "The name of a room")
    if not rooms:
        raise StepFailed("No room is named. Write the name of a room, `all` or `everywhere`.")
    reason = _text(inputs, "reason").strip()
    if len(reason) > MAX_REASON:
        raise StepFailed(f"The reason has {len(reason):,} characters, and {MAX_REASON} are allowed.")
    duration = _text(inputs, "duration").strip()
    if len(duration) > MAX_LENGTH:
        raise StepFailed("The duration cannot be read. Write it like 90m, 12h, 7d or 2w.")
    return Form(what, users, rooms, reason, duration, inputs.get("now") in (True, "true"), _ban_list(inputs))


def _ban_list(inputs: Mapping[str, Any]) -> str:
    """The list that is meant: one of those that the workflow names, or the first of them."""
    lists = [line.strip() for line in runner.setting("INPUT_FILE").splitlines() if line.strip()] or [runner.ban_list()]
    chosen = _text(inputs, "list") or lists[0]
    if chosen not in lists:
        raise StepFailed("The workflow does not name such a list.")
    return chosen


def _several(inputs: Mapping[str, Any], name: str, each: str) -> Sequence[str]:
    found = tuple(dict.fromkeys(word for word in _BETWEEN.split(_text(inputs, name)) if word))
    if any(len(word) > MAX_LENGTH for word in found):
        raise StepFailed(f"{each} is longer than {MAX_LENGTH} characters.")
    return found


def _text(inputs: Mapping[str, Any], name: str) -> str:
    """What stands in a field; empty if there is no such field. Only what a program can be called with."""
    value = inputs.get(name, "")
    try:
        if isinstance(value, str) and "\0" not in value:
            value.encode()
            return value
    except UnicodeEncodeError:
        pass
    raise StepFailed(f"What `{name}` says is no text.")
