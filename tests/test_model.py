"""Bans hold, whatever else happens: a model of attackers, token services, edits of the list, and applies that die.

`tests/test_rules.py` says of each rule what goes wrong without it; this looks for what nobody has thought of.
"""

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.builders import FINALS, LOBBY
from tests.effort import examples
from tests.holding_model import DOCUMENT, KEYS, OTHER_TABLE, SKEW, TABLE, USERS, Killed, World

ENDS = st.none() | st.integers(1, 400)
EVENTS = ("tick", "tick", "ban", "ban", "lift", "ask", "go on", "go on", "connect", "connect", "renew", "rare")
RARE_EVENTS = ("move", "ban at once", "ban at once", "lift at once")


class Model(RuleBasedStateMachine):
    """One world, and everything that can happen in it, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(user=st.sampled_from(USERS), room=st.sampled_from([LOBBY, FINALS]))
    def a_token_is_made(self, user: str, room: str) -> None:
        self.world.go_on(self.world.ask(user, room))

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        happen(self.world, data)

    @rule(key=st.sampled_from(KEYS))
    def a_row_is_removed_by_hand(self, key: Any) -> None:
        self.world.tamper(key)

    @rule(
        data=st.data(),
        skew=st.integers(-SKEW, SKEW),
        lost=st.sampled_from(["nothing", "nothing", "runner", "journal"]),
        kill=st.none() | st.integers(0, 40),
        only=st.just(()) | st.sets(st.sampled_from(KEYS), min_size=1),
        without_denylist=st.sampled_from([False, False, False, True]),
        wait=st.booleans(),
    )
    def an_apply_runs(
        self, data: st.DataObject, skew: int, lost: str, kill: int | None, only: Any, **options: Any
    ) -> None:
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
            self.world.apply(targets=only, **options)
        self.world.end_of_run()
        match lost:
            case "runner":
                self.world.lose_the_runner()
            case "journal":
                self.world.lose_the_journal()
            case _:
                self.world.commit()

    def teardown(self) -> None:
        self.world.heal()
        self.world.check_that_bans_hold()
        super().teardown()


def happen(world: World, data: st.DataObject) -> None:
    """Something that nobody can forbid."""
    event = data.draw(st.sampled_from(EVENTS))
    match data.draw(st.sampled_from(RARE_EVENTS)) if event == "rare" else event:
        case "tick":
            world.tick(data.draw(st.integers(1, 100)))
        case "ban":
            world.ban(data.draw(st.sampled_from(KEYS)), data.draw(ENDS))
        case "lift":
            world.lift(data.draw(st.sampled_from(KEYS)))
        case "ask":
            world.ask(data.draw(st.sampled_from(USERS)), data.draw(st.sampled_from([LOBBY, FINALS])))
        case "renew":
            world.renew()
        case "move":
            world.move(data.draw(st.sampled_from([TABLE, OTHER_TABLE, DOCUMENT])))
        case "ban at once":
            world.ban_at_once(data.draw(st.sampled_from(KEYS)), data.draw(st.integers(1, 2000)))
        case "lift at once":
            world.lift_at_once(data.draw(st.sampled_from(KEYS)))
        case "go on" | "connect" as what if world.tokens:
            token = data.draw(st.sampled_from(world.tokens))
            (world.go_on if what == "go on" else world.connect)(token)


TRIED = settings(
    max_examples=examples(150, 2000), stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBansHold: Any = Model.TestCase
TestBansHold.settings = TRIED
