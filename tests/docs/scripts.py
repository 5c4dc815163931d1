"""Blocks of commands: they are run as they stand, and have to do what the page says that they do."""

import re
import shlex
import signal
import subprocess

from reconciler.bans import parse_time
from reconciler.denylist import document
from reconciler.denylist.value import Contents, Head
from reconciler.state.value import Place, Published
from reconciler.stores import holder
from reconciler.stores.holder import Holder
from tests.builders import LINEAGE

from .blocks import Block
from .rules import block, every
from .world import NOW, README_LIST, World, client, record

ZED_IS_ADDED = r"^\+  - user_id: zed$"
BANNED = r"^Apply complete: 1 banned, 0 updated, 0 lifted"
LISTENS = r"^A local IVS Chat with 2 rooms listens on http://"
KICKED = r"disconnected"
RAID = 'reconciler ban --from raid.csv --map user_id=player --room lobby --reason "Raid of 12 May"'
HANDLER = "arn:aws:lambda:us-west-2:123456789012:function:review"

# What the commands of a page say when they are run on a usual day, and the exit code where that is another than 0.
SAYS: dict[str, tuple[str, int] | str] = {
    "reconciler apply --auto-approve": BANNED,
    "reconciler apply --without-denylist": BANNED,
    'reconciler ban zed --room lobby --reason "Insulted other viewers" --for 7d': ZED_IS_ADDED,
    RAID: r"^raid\.csv: 2 bans\.",
    'reconciler ban zed --room lobby --reason "Threats" --now': KICKED,
    "reconciler ban zed --room lobby --now": KICKED,
    "reconciler ban zed --room lobby --now --without-denylist": KICKED,
    "reconciler doctor": r"^All is well: \d ok\.$",
    "reconciler fmt": r"^bans\.d/spam\.yaml was changed\.$",
    "reconciler fmt bans.d/spam.yaml": r"^bans\.d/spam\.yaml was changed\.$",
    "reconciler fmt --check bans.d/*.yaml": (r"spam", 1),
    "reconciler fmt --diff": r"^\+",
    "reconciler init": r"^Wrote bans\.yaml and bans\.schema\.json\.",
    "reconciler init --rooms-in us-west-2": r"^1\. Look through the 1 room in bans\.yaml\.",
    "reconciler lift zed": r"^  - lobby/zed +lift ",
    "reconciler lift zed --room lobby": r"^  - lobby/zed +lift ",
    "reconciler plan": r"^Plan: 1 to ban, 0 to update, 0 to lift\.$",
    "reconciler plan --format markdown": r"^<!-- reconciler-plan: bans\.yaml -->\n",
    "reconciler sandbox": LISTENS,
    "reconciler sandbox -- reconciler apply": rf"{BANNED}(.*\n)+.*; bans\.state\.json is unchanged\.",
    "reconciler sandbox --fault denied -- reconciler apply": (r"^Apply incomplete: 0 banned, 1 failed", 1),
    "reconciler sandbox --fault-rate 20 --latency 0.2 --quota 50": LISTENS,
    "reconciler sandbox --host 0.0.0.0 --allow-host sandbox": LISTENS,
    f"reconciler sandbox --review-handler {HANDLER}=http://127.0.0.1:9000/": LISTENS,
    "reconciler why zed": r"^zed is banned in lobby for good\.$",
}


def a_usual_day(world: World, *, free: str = "", denylist: bool = True) -> None:
    """A list whose bans are applied and published, but for that of ann.

    Args:
        world: where.
        free: who is not in the list after all: `zed`, or `ann`, whose ban is all that there is left to do.
        denylist: whether the list has one.
    """
    entries = "".join(f"  - user_id: {user}\n    rooms: [lobby]\n" for user in ("zed", "ann") if user != free)
    more = "denylist: denylist.json\n" if denylist else ""
    world.write("bans.yaml", f"{README_LIST}{entries}{more}include: [bans.d/*.yaml]\n")
    world.write("bans.d/spam.yaml", "bans:\n  - user_id: 00123\n    rooms: [lobby]   \n")
    world.write("raid.csv", "player,joined\nraider,today\nrobber,today\n")
    records = record("ABC123def456", reason="Violated terms of service", until="2027-01-31T00:00:00Z") | record("00123")
    records |= record("zed") if free != "zed" else {}
    bans = {key: each.ban.expires_at for key, each in records.items()}
    head = Head(LINEAGE, 3, len(bans), 90, parse_time("2026-11-02T09:05:12Z"))
    if denylist:
        world.write("denylist.json", document.dumps(Contents(head, bans)).decode())
    world.write_state(records, published=Published(Place("denylist.json", "bans"), 3) if denylist else None)
    world.write(".gitignore", "*.state.json.*\n*.state.json.lock\n")
    world.commit("Ban them")
    world.variables |= {"RECONCILER_NO_WAIT": "1", "RECONCILER_AUTO_APPROVE": "1"}


def is_ours(block: Block) -> bool:
    return block.page != "docs/commands.md" and all(line.startswith("reconciler ") for line in block.lines)


def command_of(line: str) -> str:
    """A line without its comment, and with something in place of what a reader puts in."""
    return re.sub(" +# .*", "", line).replace("USER_ID", "zed").replace("ROOM", "lobby")


@every(is_ours)
def each_line_does_what_the_page_says(block: Block, world: World) -> None:
    for number, command in enumerate(map(command_of, block.lines)):
        assert command in SAYS, f"a row of SAYS has to tell what this says: {command}"
        expected = SAYS[command]
        said, code = expected if isinstance(expected, tuple) else (expected, 0)
        there, words = world.another(f"line{number}"), shlex.split(command)
        if words[1] != "init":
            a_usual_day(there, free="zed" if words[1] == "ban" else "", denylist=words[1] != "sandbox")
        calls = kicks(world)
        runs_on = words[1] == "sandbox" and "--" not in words
        there.variables |= {"RECONCILER_PORT": "0"} if runs_on else {}
        ran = there.run(command, until="in a browser" if runs_on else "")
        assert re.search(said, ran.said, re.MULTILINE), f"{command}\n{ran.said}"
        assert ran.code in ({0, 128 + signal.SIGINT} if runs_on else {code}), ran.said
        assert kicks(world) - calls == (said in {BANNED, KICKED}), command


def kicks(world: World) -> int:
    return [each.operation for each in world.sandbox.requests].count("DisconnectUser")


@block("README.md", "mkdir trial")
def the_first_example(block: Block, world: World) -> None:
    ran = world.run(block.text)
    assert ran.code == 0, ran.said
    assert "\nPlan: 1 to ban, 0 to update, 0 to lift.\n" in ran.said
    assert "\nApply complete: 1 banned, 0 updated, 0 lifted.\n" in ran.said


@block("docs/ci.md", 'test -z "$(git status --porcelain bans.state.json)"')
def a_state_is_kept(block: Block, world: World) -> None:
    a_usual_day(world)
    origin = world.folder.parent / "origin"
    subprocess.run(["git", "clone", "--quiet", "--bare", world.folder, origin], check=True)
    script = f"git remote add origin {origin}; git push -q -u origin main; reconciler apply; {block.text}{block.text}"
    ran = world.run(script)
    assert ran.code == 0, ran.said
    log = ["git", "log", "--format=%s", "--name-only", "main"]
    told = subprocess.run(log, cwd=origin, capture_output=True, encoding="utf-8", check=True).stdout.split("\n")
    assert told[:4] == ["Record what was applied", "", "bans.state.json", "Ban them"]


@block("docs/denylist.md", "reconciler sandbox -f trial/bans.yaml")
def a_rehearsal(block: Block, world: World) -> None:
    world.variables |= {"RECONCILER_NO_WAIT": "1", "RECONCILER_AUTO_APPROVE": "1"}
    world.write("trial/bans.yaml", f"{README_LIST}denylist: denylist.json\n")
    ran = world.run(block.text)
    assert (ran.code, "Apply complete: 1 banned" in ran.said) == (0, True), ran.said
    assert "ABC123def456" in world.read("trial/bans.state.json")
    assert "ABC123def456" in world.read("trial/denylist.json")
    assert kicks(world) == 0


@block("docs/denylist.md", "reconciler apply --adopt-denylist")
def everybody_again(block: Block, world: World) -> None:
    a_usual_day(world)
    (world.folder / "bans.state.json").unlink()
    refused = world.run("reconciler apply")
    assert (refused.code, kicks(world)) == (1, 0), refused.said
    ran = world.run(block.text)
    assert "Apply complete: 4 banned" in ran.said, ran.said
    assert (ran.code, kicks(world)) == (0, 4)


@block("docs/on-call.md", "reconciler import")
def nobody_again(block: Block, world: World) -> None:
    a_usual_day(world, free="ann")
    (world.folder / "bans.state.json").unlink()
    ran = world.run(block.text)
    assert (ran.code, kicks(world)) == (0, 0), ran.said
    assert world.run("reconciler plan --refresh").said.startswith("No changes.")


@block("docs/on-call.md", "reconciler force-unlock")
def a_lock_that_stays(block: Block, world: World) -> None:
    s3 = client("s3", world.with_s3_and_dynamodb())
    s3.create_bucket(Bucket="locked", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    world.write("bans.yaml", f"{README_LIST}state: s3://locked/bans.state.json\n")
    lock = Holder("apply", "alice", "build-7", 4242, NOW, "6b0e9d")
    s3.put_object(Bucket="locked", Key="bans.state.json.lock", Body=holder.dumps(lock))
    world.variables["RECONCILER_AUTO_APPROVE"] = "1"
    held = world.run("reconciler apply")
    (named,) = re.findall(r"`reconciler force-unlock (\S+)", held.said)
    ran = world.run(block.text.replace("LOCK_ID", named))
    assert ran.code == 0, ran.said
    assert world.run("reconciler apply").code == 0
