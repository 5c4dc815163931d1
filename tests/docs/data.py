"""Blocks that hold data: lists, policies, documents, patterns, a drawing. Each is read by what reads it in earnest."""

import json
import re
import tomllib
from functools import cache
from itertools import chain, pairwise, product
from typing import TYPE_CHECKING, Any

import botocore.session
import click
import yaml

from reconciler import __version__
from reconciler.cli.commands.init import IGNORED
from reconciler.cli.main import cli
from reconciler.denylist import document
from tests.gate.tables import make_table

from .blocks import ROOT, Block
from .rules import block, every
from .scripts import a_usual_day
from .with_others import bans_in_a_table
from .world import World, client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HEAD = {
    "version": "version: 1\n",
    "rooms": "rooms:\n  lobby: arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6\n{rooms}",
    "bans": "bans: []\n",
}
KEYS = json.loads((ROOT / "docs/bans.schema.json").read_text(encoding="utf-8"))["properties"].keys()


def is_of_a_list(block: Block) -> bool:
    has = yaml.safe_load(block.text) if block.language == "yaml" else None
    return isinstance(has, dict) and has.keys() <= KEYS


@every(is_of_a_list)
def a_list_or_a_part_of_one(block: Block, world: World) -> None:
    """It is valid, without a warning, once it has the rest that a list has to have."""
    has = yaml.safe_load(block.text)
    accounts = sorted(set(re.findall(r'"(\d{12})"', block.text)))
    rooms = "".join(f"  in-{one}: arn:aws:ivschat:us-west-2:{one}:room/g1H2I3j4k5L6\n" for one in accounts)
    rest = "".join(text for key, text in HEAD.items() if key not in has and not (key == "bans" and "include" in has))
    world.write("bans.yaml", rest.format(rooms=rooms) + block.text)
    world.write("bans.d/spam.yaml", "bans:\n  - user_id: spammer\n    rooms: [lobby]\n")
    ran = world.run("reconciler validate --strict")
    assert ran.code == 0, ran.said


@block("docs/list.md", "repos:")
def hooks(block: Block, world: World) -> None:
    (repository,) = yaml.safe_load(block.text)["repos"]
    ours = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [each["id"] for each in repository["hooks"]] == [each["id"] for each in ours]
    assert repository["rev"] == f"v{__version__}"


# IAM policies

OPERATIONS = {"s3:ListBucket": "s3:ListObjectsV2"}
"""Actions that are called otherwise than the operation that they allow."""
ARN = re.compile(r"\*|arn:aws:(?:ivschat|dynamodb|iam|s3):[a-z0-9-]*:(?:\d{12})?:\S+")
POLICY = '{\n  "Version": "2012-10-17",\n  "Statement": [\n    '
HERE = {"LocationConstraint": "us-west-2"}
CONDITIONS = {"StringEquals", "StringLike"}


@cache
def operations(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def statements(block: Block) -> list[dict[str, Any]]:
    """Those of a policy, or of a part of one."""
    match json.loads(block.text):
        case {"Version": "2012-10-17", "Statement": [*found], **more} if not more:
            return found
        case [*found] | ({"Effect": _} as found):
            return found if isinstance(found, list) else [found]
    raise AssertionError(f"not a policy: {block.text}")


@every(lambda block: block.language == "json" and '"Effect"' in block.text)
def a_policy(block: Block, world: World) -> None:
    """It names operations that there are, and resources in the form that their services have."""
    for statement in statements(block):
        assert statement["Effect"] == "Allow"
        trusts = statement.keys() & {"Principal", "Resource"} == {"Principal"}
        assert statement.keys() - {"Condition"} == {"Effect", "Action", "Principal" if trusts else "Resource"}
        assert statement.get("Condition", {}).keys() <= CONDITIONS
        actions = listed(statement["Action"])
        for action in actions:
            service, _, operation = OPERATIONS.get(action, action).partition(":")
            assert operation in operations(service), action
        services = {action.partition(":")[0] for action in actions}
        assert len(services) == 1
        if trusts:
            ((kind, who),) = statement["Principal"].items()
            assert kind in {"AWS", "Federated"}
            assert re.fullmatch(r"arn:aws:iam::\d{12}:(role|oidc-provider)/\S+", who)
            assert services == {"sts"}
        for resource in [] if trusts else listed(statement["Resource"]):
            assert ARN.fullmatch(resource), resource
            assert resource == "*" or {resource.split(":")[2]} == ({"iam"} if services == {"sts"} else services)


def actions(block: Block) -> set[str]:
    return {action for statement in statements(block) for action in listed(statement["Action"])}


@block("docs/ci.md", f'{POLICY}{{\n      "Effect": "Allow",\n      "Action": "ivschat:DisconnectUser"')
def what_an_apply_needs(block: Block, world: World) -> None:
    a_policy(block, world)
    a_usual_day(world)
    assert world.run("reconciler plan && reconciler apply").code == 0
    assert world.called() == actions(block)


@block("docs/ci.md", f'{POLICY}{{"Effect": "Allow", "Action": "ivschat:ListRooms"')
def what_a_diagnosis_needs(block: Block, world: World) -> None:
    """Besides s3:ListBucket, as below, and whose the credentials are, which everybody may ask."""
    a_policy(block, world)

    def make(dynamodb: "DynamoDBClient") -> None:
        for name in ("denylist", "tokens"):
            make_table(dynamodb, name)

    with bans_in_a_table(world, make):
        s3 = client("s3", world.with_s3_and_dynamodb())
        s3.create_bucket(Bucket="diagnosis", CreateBucketConfiguration=HERE)
        s3.put_object(Bucket="diagnosis", Key="bans.state.json", Body=world.read("bans.state.json"))
        where = "dynamodb://us-west-2/"
        places = f"denylist: {{location: {where}denylist, token_records: {where}tokens}}\nstate: s3://diagnosis/bans.state.json"
        world.write("bans.yaml", world.read("bans.yaml").replace(f"denylist: {where}denylist", places))
        assert world.called()
        ran = world.run("reconciler doctor")
        assert "token records" in ran.said, ran.said
        assert world.called() - {"sts:GetCallerIdentity"} == actions(block) - {"s3:ListBucket"}


@block("docs/ci.md", "[\n  {")
def what_a_state_on_s3_needs(block: Block, world: World) -> None:
    """Besides s3:ListBucket, without which S3 denies what is not there."""
    a_policy(block, world)
    a_usual_day(world)
    client("s3", world.with_s3_and_dynamodb()).create_bucket(Bucket="states", CreateBucketConfiguration=HERE)
    world.write("bans.yaml", f"state: s3://states/bans.state.json\n{world.read('bans.yaml')}")
    ran = world.run("reconciler plan && reconciler apply --without-denylist && reconciler plan")
    assert ran.code == 0, ran.said
    assert world.called() - {"ivschat:DisconnectUser"} == actions(block) - {"s3:ListBucket"}


@block("docs/denylist.md", '{\n  "format_version"')
def a_document(block: Block, world: World) -> None:
    assert document.dumps(document.loads(block.text.encode())).decode() == block.text


# Patterns and the like


@block("docs/ci.md", "*.state.json.backup")
def what_git_ignores(block: Block, world: World) -> None:
    assert tuple(block.lines) == tuple(IGNORED)


@every(lambda block: "@OWNER/" in block.text and block.text.startswith("*"))
def owners(block: Block, world: World) -> None:
    """Who owns everything comes first, since the last line that matches counts."""
    first, *others = (re.fullmatch(r"(\S+) +@OWNER/(platform|moderators)", line) for line in block.lines)
    assert first is not None
    assert first[1] == "*"
    assert others
    assert all(other is not None and other[1] in {"/bans.yaml", "/bans.d/"} for other in others)


@block("docs/list.md", "# yaml-language-server")
def the_first_line_of_the_list(block: Block, world: World) -> None:
    assert (ROOT / "bans.yaml").read_text(encoding="utf-8").startswith(block.text)


@block("docs/releasing.md", "[project.urls]")
def the_address(block: Block, world: World) -> None:
    """It can be put into pyproject.toml."""
    project = tomllib.loads(f"{(ROOT / 'pyproject.toml').read_text(encoding='utf-8')}\n{block.text}")["project"]
    assert project["urls"].keys() == {"Source"}


# What is made elsewhere


@every(lambda block: block.page == "docs/commands.md")
def a_piece_of_the_help(block: Block, world: World) -> None:
    """`test_commands.py` holds the page, and `tests/cli/test_examples.py` the examples."""
    words = block.lines[0].split()[1:]
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    inner = command.commands.get(words[1], command) if isinstance(command, click.Group) else command
    usage = " ".join(inner.collect_usage_pieces(click.Context(inner)))
    examples = f"{command.epilog}\n{inner.epilog}".split("\n")
    assert block.text.endswith(f" {usage}\n") or all(f"  {line}" in examples for line in block.lines)


@block("docs/architecture.md", "flowchart TD")
def the_layers(block: Block, world: World) -> None:
    """Each box is a module or a folder, and what an arrow leads from imports what it leads to."""
    boxes = re.findall(r'^ +(\w+)\["([^—]+) — ', block.text, re.MULTILINE)
    modules = {box: [part.strip().rstrip("/") for part in parts.split(",")] for box, parts in boxes}
    for name in chain.from_iterable(modules.values()):
        assert (ROOT / "reconciler" / name).is_dir() or (ROOT / f"reconciler/{name}.py").is_file(), name
    for line in re.findall(r"^    (\w.* --> .*)$", block.text, re.MULTILINE):
        for sources, targets in pairwise(line.split(" --> ")):
            for source, target in product(sources.split(" & "), targets.split(" & ")):
                assert any(imports(*each) for each in product(modules[source], modules[target])), (
                    f"{source} --> {target}"
                )


@cache
def imports(source: str, target: str) -> bool:
    place = ROOT / "reconciler" / source
    files = [*place.rglob("*.py")] if place.is_dir() else [place.with_suffix(".py")]
    pattern = (
        rf"^ *(?:from reconciler\.{target}[. ]|import reconciler\.{target}\b|from reconciler import .*\b{target}\b)"
    )
    return any(re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE) for file in files)
