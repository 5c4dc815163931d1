"""Blocks of commands that are not ours, or not ours alone: AWS's and GitHub's command lines, git and make."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from tests.audit.builders import message
from tests.gate.test_template import Loader

from .blocks import BLOCKS, ROOT, Block
from .rules import block
from .scripts import a_usual_day, kicks
from .world import NOW, World, client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A GitHub command line that notes what it is asked, and answers what ANSWER says.
_GH = (
    f"#!{sys.executable}\n"
    + """\
import json, os, sys
with open("asked", "a") as asked:
    print(json.dumps(sys.argv[1:]), file=asked)
print(os.environ["ANSWER"], end="")
"""
)


def asked(world: World) -> list[list[str]]:
    """What `gh` was asked since this was asked last."""
    lines = world.read("asked").splitlines()
    world.write("asked", "")
    return [json.loads(line) for line in lines]


def aws(world: World) -> str:
    """Let `aws` call stand-ins for everything but the chat; their URL."""
    url = world.with_s3_and_dynamodb()
    world.variables |= {f"AWS_ENDPOINT_URL_{name}": url for name in ("IAM", "CLOUDWATCH_LOGS")}
    return url


@block("docs/audit.md", "aws logs filter-log-events")
def an_audit_of_cloudwatch(block: Block, world: World) -> None:
    logs = client("logs", aws(world))
    stream = "aws/IVSChatLogs/1.0/room_ID"
    logs.create_log_group(logGroupName="GROUP")
    logs.create_log_stream(logGroupName="GROUP", logStreamName=stream)
    said = {"timestamp": int(time.time() * 1000), "message": json.dumps(message("zed", NOW))}
    logs.put_log_events(logGroupName="GROUP", logStreamName=stream, logEvents=[said])
    a_usual_day(world)
    ran = world.run(block.text)
    assert "\nzed spoke once in lobby" in f"\n{ran.said}", ran.said
    assert ran.code == 2


@contextmanager
def bans_in_a_table(world: World, make: Callable[["DynamoDBClient"], None]) -> Iterator["DynamoDBClient"]:
    """The bans of a usual day, and that of ann, published in the table `denylist`, which is made by `make`."""
    dynamodb: DynamoDBClient = client("dynamodb", aws(world))
    try:
        make(dynamodb)
        a_usual_day(world)
        world.write("bans.yaml", world.read("bans.yaml").replace("denylist.json", "dynamodb://us-west-2/denylist"))
        applied = world.run("reconciler apply --retire-denylist")
        assert (applied.code, kicks(world)) == (0, 1), applied.said
        yield dynamodb
    finally:
        for name in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=name)


@block("docs/denylist.md", "aws dynamodb create-table")
def a_table(block: Block, world: World) -> None:
    def run(_dynamodb: "DynamoDBClient") -> None:
        ran = world.run(block.text)
        assert ran.code == 0, ran.said

    with bans_in_a_table(world, run) as dynamodb:
        lives = dynamodb.describe_time_to_live(TableName="denylist")["TimeToLiveDescription"]
        assert lives == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
        assert dynamodb.get_item(TableName="denylist", Key={"pk": {"S": "head"}, "sk": {"S": "bans"}})["Item"]


@block("docs/sandbox.md", "export AWS_ENDPOINT_URL_IVSCHAT")
def the_aws_command_line(block: Block, world: World) -> None:
    ran = world.run(block.text.replace("http://127.0.0.1:8787", world.sandbox.url))
    assert ran.code == 0, ran.said
    assert [each.operation for each in world.sandbox.requests] == ["CreateRoom", "CreateChatToken"]
    assert '"name": "stage"' in ran.said
    assert '"token": "' in ran.said


@block("docs/github.md", "subject=$(gh api")
def a_role(block: Block, world: World) -> None:
    a_usual_day(world)
    iam = client("iam", aws(world))
    world.program("gh", _GH)
    world.variables["ANSWER"] = "repo:OWNER@1/REPOSITORY@2"
    ran = world.run(block.text)
    assert ran.code == 0, ran.said
    assert [words[:2] for words in asked(world)] == [["api", "repos/OWNER/REPOSITORY/actions/oidc/customization/sub"]]
    trust = iam.get_role(RoleName="reconciler-apply")["Role"]["AssumeRolePolicyDocument"]
    iam.delete_role(RoleName="reconciler-apply")
    written = [json.loads(world.read(f".github/aws/reconciler-{role}.json")) for role in ("apply", "plan")]
    policies = [each.text for each in BLOCKS if (each.page, each.language) == ("docs/github.md", "json")]
    shown = [json.loads(each.replace("OWNER_ID", "1").replace("REPOSITORY_ID", "2")) for each in policies]
    assert written == shown
    assert trust == written[0]


@block("docs/output.md", "reconciler plan --format markdown > comment.md")
def a_comment(block: Block, world: World) -> None:
    a_usual_day(world)
    world.program("gh", _GH)
    there = "repos/OWNER/REPOSITORY/issues"
    world.variables |= {"PULL_REQUEST": "7", "ANSWER": ""}
    assert world.run(block.text).code == 0
    looked, wrote = asked(world)
    assert looked[:4] == ["api", "--paginate", f"{there}/7/comments", "--jq"]
    assert wrote == ["api", f"{there}/7/comments", "-F", "body=@comment.md"]
    (marker,) = re.findall(r'startswith\("(.*?)"\)', looked[4])
    assert world.read("comment.md").startswith(f"{marker}\n")
    world.write("bans.yaml", "bans: [\n")
    world.variables["ANSWER"] = "42\n43\n"
    assert world.run(block.text).code == 1
    assert asked(world)[1] == ["api", "-X", "PATCH", f"{there}/comments/42", "-F", "body=@comment.md"]
    assert world.read("comment.md").startswith(f"{marker}\n")


@block("docs/gate.md", "sh examples/build.sh python")
def the_template(block: Block, world: World) -> None:
    """What is built is uploaded; the parameters of the last command, which makes a stack, are those of the template."""
    build, package, deploy = block.lines
    client("s3", aws(world)).create_bucket(
        Bucket="packages", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    for name in ("examples", "reconciler"):
        shutil.copytree(ROOT / name, world.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for language in ("python", "node"):
        ran = world.run(f"{build.replace('python', language, 1)}\n{package.replace('BUCKET', 'packages')}")
        assert ran.code == 0, ran.said
    packaged = yaml.load(world.read("packaged.yaml"), Loader)
    given = set(re.findall(r"\b([A-Z]\w+)=", deploy))
    needed = {name for name, each in packaged["Parameters"].items() if "Default" not in each}
    assert needed <= given <= packaged["Parameters"].keys()
    assert re.findall(r"Runtime=(\S+)$", deploy)[0] in packaged["Parameters"]["Runtime"]["AllowedValues"]
    options = set(re.findall("--[a-z-]+", deploy))
    assert options == {"--template-file", "--stack-name", "--capabilities", "--parameter-overrides"}


@block("docs/releasing.md", "git switch main")
def a_tag(block: Block, world: World) -> None:
    a_usual_day(world)
    origin = world.folder.parent / "origin"
    subprocess.run(["git", "clone", "--quiet", "--bare", world.folder, origin], check=True)
    ready = f"git remote add origin {origin}; git fetch -q; git branch -q -u origin/main; git switch -q -c fix"
    ran = world.run(f"{ready}\n{block.text}")
    assert ran.code == 0, ran.said
    tags = subprocess.run(["git", "tag"], cwd=origin, capture_output=True, encoding="utf-8", check=True).stdout
    assert tags == "v0.2.0\n"
