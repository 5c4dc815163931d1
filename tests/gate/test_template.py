"""The CloudFormation template: clean, and with the permissions that each party needs."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

TEMPLATE = Path(__file__).parents[2] / "examples" / "template.yaml"


@pytest.mark.skipif(find_spec("cfnlint") is None, reason="cfn-lint is not installed; it comes with .[ci]")
def test_cfn_lint_finds_nothing() -> None:
    program = Path(sys.executable).with_name("cfn-lint")
    assert program.exists() or shutil.which("cfn-lint")
    ran = subprocess.run([program, TEMPLATE], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("", 0)


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which `!GetAtt Denylist.Arn` is that text."""


Loader.add_multi_constructor("!", lambda _loader, _tag, node: node.value)


def resources() -> dict[str, Any]:
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader)
    found: dict[str, Any] = template["Resources"]
    return found


def allowed(role: str) -> list[tuple[Any, str]]:
    (policy,) = resources()[role]["Properties"]["Policies"]
    return [(each["Action"], each["Resource"]) for each in policy["PolicyDocument"]["Statement"]]


def test_a_token_service_may_read_bans_and_lift_none() -> None:
    assert allowed("TokenServiceRole") == [
        ("dynamodb:Query", "Denylist.Arn"),
        ("dynamodb:PutItem", "TokenRecords.Arn"),
        ("ivschat:CreateChatToken", "RoomArn"),
        (["logs:CreateLogStream", "logs:PutLogEvents"], "TokenServiceLogs.Arn"),
    ]


def test_a_review_handler_may_read_bans_and_nothing_else() -> None:
    assert allowed("MessageReviewRole") == [
        ("dynamodb:Query", "Denylist.Arn"),
        (["logs:CreateLogStream", "logs:PutLogEvents"], "MessageReviewLogs.Arn"),
    ]


def test_the_doctor_may_read_what_the_documentation_says() -> None:
    statements = resources()["DoctorPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    names = {"Denylist.Arn": "table/denylist", "TokenRecords.Arn": "table/tokens", "*": "*"}
    documented = (TEMPLATE.parents[1] / "docs/ci.md").read_text().split("## Will bans work")[1]
    policy = json.loads(re.findall(r"^```json\n(.*?)^```$", documented, re.DOTALL | re.MULTILINE)[0])
    on_tables = [each for each in policy["Statement"] if "s3" not in str(each["Action"])]
    assert [(each["Action"], names[each["Resource"]]) for each in statements] == [
        (each["Action"], each["Resource"].rpartition(":")[2]) for each in on_tables
    ]


def test_only_its_room_may_call_the_review_handler() -> None:
    permission = resources()["MessageReviewForRoom"]["Properties"]
    assert (permission["Principal"], permission["SourceArn"]) == ("ivschat.amazonaws.com", "RoomArn")


@pytest.mark.parametrize("table", ["Denylist", "TokenRecords"])
def test_tables_have_our_keys_and_outlive_the_stack(table: str) -> None:
    resource = resources()[table]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert resource["Properties"] == {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
