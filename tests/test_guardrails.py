"""What guardrails say, and that the way out that they name is one."""

import re

import pytest
from markdown_it import MarkdownIt

from reconciler import BanList, Plan, State, diff
from reconciler.banlist.read import parse
from reconciler.guardrails import Guardrails, check
from reconciler.views import markdown, text
from tests.builders import NOW, many, recorded
from tests.command_line import AWS_ARN

HEAD = f"version: 1\nrooms:\n  lobby: {AWS_ARN}\n"
BANS = "bans:\n" + "".join(f"  - {{user_id: new{number}, rooms: [lobby]}}\n" for number in range(7))
SECTIONS = {
    "none": "",
    "one limit": "guardrails:\n  max_bans: 5\n",
    "the other limit": "guardrails:\n  max_lift_percent: 10\n",
    "both and more": "guardrails:\n  protected_users: [host-*]\n  max_lift_percent: 10\n  max_bans: 5\n",
    "in one line": "guardrails: {max_bans: 5, max_lift_percent: 10}\n",
}


def planned(listed: str) -> Plan:
    """The plan of a list for a state of 19 bans, none of which it has any more."""
    ban_list: BanList = parse(listed.encode())
    return diff(ban_list, recorded(*many(19, "old")), NOW)


def lines_in_text(plan: Plan) -> str:
    """What stands below the advice on a terminal."""
    return text.plan(plan, width=80).partition("change:\n\n")[2]


def lines_in_markdown(plan: Plan) -> str:
    """What GitHub shows as code."""
    [block] = [token for token in MarkdownIt().parse(markdown.plan(plan)) if token.type == "fence"]
    assert block.info == "yaml"
    return block.content


def pasted(listed: str, lines: str) -> str:
    """A list after somebody has done with the lines what the advice says."""
    if "guardrails" not in listed:
        return lines + listed
    for line in lines.splitlines()[1:]:
        key = line.split(":")[0].strip()
        listed, changed = re.subn(rf"{key}: \d+", line.strip(), listed)
        if not changed and "guardrails: {" in listed:
            listed = listed.replace("guardrails: {", f"guardrails: {{{line.strip()}, ")
        elif not changed:
            listed = listed.replace("guardrails:\n", f"guardrails:\n{line}\n")
    return listed


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("lines_in", [lines_in_text, lines_in_markdown])
def test_the_lines_of_a_refusal_make_the_plan_pass(section: str, lines_in: "type[str]") -> None:
    listed = HEAD + SECTIONS[section] + BANS
    plan = planned(listed)
    assert plan.refusals
    mended = pasted(listed, lines_in(plan))
    assert planned(mended).refusals == ()
    for refusal in plan.refusals:  # the figure is the least that will do
        key = refusal.key.partition(".")[2]
        one_less = mended.replace(f"{key}: {refusal.needed}", f"{key}: {refusal.needed - 1}")
        assert [other.key for other in planned(one_less).refusals] == [refusal.key]


def test_both_guardrails_are_named_together() -> None:
    assert lines_in_text(planned(HEAD + SECTIONS["both and more"] + BANS)) == (
        "guardrails:\n  max_bans: 7\n  max_lift_percent: 100\n"
    )


@pytest.mark.parametrize(("lifts", "recorded", "needed"), [(4, 10, 40), (1, 3 * 10, 4), (19, 19, 100), (334, 1000, 34)])
def test_the_share_is_rounded_up(lifts: int, recorded: int, needed: int) -> None:
    [refusal] = check(Guardrails(max_lift_percent=3), bans=0, everywhere=0, lifts=lifts, recorded=recorded)
    assert refusal.needed == needed
    assert check(Guardrails(max_lift_percent=needed), bans=0, everywhere=0, lifts=lifts, recorded=recorded) == ()


def test_figures_of_thousands_are_digits_alone() -> None:
    listed = HEAD + "bans:\n" + "".join(f"  - {{user_id: u{number}, rooms: [lobby]}}\n" for number in range(1500))
    plan = diff(parse(listed.encode()), State(), NOW)
    assert lines_in_text(plan) == "guardrails:\n  max_bans: 1500\n"
