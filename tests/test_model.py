"""Bans hold, whatever else happens: a model of attackers, token services, edits of the list, and applies that die."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from reconciler import Ban
from tests.builders import FINALS, LOBBY
from tests.effort import examples
from tests.holding_model import KEYS, SKEW, USERS, Killed, World

ENDS = st.none() | st.integers(1, 400)


class Model(RuleBasedStateMachine):
    """One world, and everything that can happen in it, in any order."""

    make: Callable[[], World] = World

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make()

    @rule(user=st.sampled_from(USERS), room=st.sampled_from([LOBBY, FINALS]))
    def a_token_is_made(self, user: str, room: str) -> None:
        self.world.create(user, room)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        happen(self.world, data)

    @rule(data=st.data(), skew=st.integers(-SKEW, SKEW), lost=st.booleans(), kill=st.none() | st.integers(0, 40))
    def an_apply_runs(self, data: st.DataObject, skew: int, lost: bool, kill: int | None) -> None:
        steps = 0

        def meanwhile(_step: str) -> None:
            nonlocal steps
            steps += 1
            if kill is not None and steps > kill:
                raise Killed
            for _ in range(data.draw(st.integers(0, 2))):
                happen(self.world, data)

        self.world.skew = skew
        self.world.meanwhile = meanwhile
        with suppress(Killed):
            self.world.apply()
        self.world.meanwhile = lambda _step: None
        if lost:
            self.world.lose_the_runner()
        else:
            self.world.commit()

    def teardown(self) -> None:
        self.world.heal()
        self.world.check_that_bans_hold()
        super().teardown()


def happen(world: World, data: st.DataObject) -> None:
    """Something that nobody can forbid."""
    match data.draw(st.sampled_from(["tick", "ban", "lift", "token", "admit", "connect", "renew", "move"])):
        case "tick":
            world.tick(data.draw(st.integers(1, 100)))
        case "ban":
            end = data.draw(ENDS)
            until = None if end is None else world.at(world.time + end)
            world.listed[data.draw(st.sampled_from(KEYS))] = Ban(None, until)
        case "lift":
            world.listed.pop(data.draw(st.sampled_from(KEYS)), None)
        case "token":
            world.create(data.draw(st.sampled_from(USERS)), data.draw(st.sampled_from([LOBBY, FINALS])))
        case "renew":
            world.renew()
        case "move" if not data.draw(st.integers(0, 4)):
            world.move()
        case "admit" | "connect" as what if world.tokens:
            token = data.draw(st.sampled_from(world.tokens))
            (world.admit if what == "admit" else world.connect)(token)


TRIED = settings(
    max_examples=examples(60, 600), stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBansHold: Any = Model.TestCase
TestBansHold.settings = TRIED
