"""Which endpoints are AWS: those that botocore itself would call, and no other."""

import itertools
import json
from pathlib import Path

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointVariantError

from reconciler.aws.chat import Chat
from reconciler.aws.endpoint import elsewhere, of_environment
from reconciler.aws.sessions import Sessions
from reconciler.bans import account_region_of
from tests.builders import LOBBY, NOW, SANDBOX

PARTITIONS = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
IN_SERVICES = "services = here\n[services here]\nivschat =\n  endpoint_url = {url}\n"
WHERE = account_region_of(LOBBY)


def chat(endpoint_url: str | None = None, profile: str | None = None) -> Chat:
    return Chat(
        now=lambda: NOW,
        before_attempt=print,
        parallelism=1,
        sleep=lambda _: False,
        sessions=Sessions(profile=profile),
        endpoint_url=endpoint_url,
    )


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda partition: str(partition["id"]))
def test_whatever_botocore_calls_by_itself_is_aws(partition: dict[str, dict[str, str]]) -> None:
    region = partition["outputs"]["implicitGlobalRegion"]
    called = 0
    for dual, fips in itertools.product((False, True), repeat=2):
        config = Config(use_dualstack_endpoint=dual, use_fips_endpoint=fips)
        try:
            client = boto3.client("ivschat", region_name=region, config=config)
        except EndpointVariantError:
            continue
        assert elsewhere(client.meta.endpoint_url) is None
        called += 1
    assert called >= 2
    for suffix in (partition["outputs"]["dnsSuffix"], partition["outputs"]["dualStackDnsSuffix"]):
        assert elsewhere(f"https://ivschat.{region}.{suffix}") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://IVSCHAT.us-west-2.amazonaws.com",
        "https://ivschat.us-west-2.amazonaws.com.:443/",
        "https://vpce-0a1b2c3d-x1y2z3.ivschat.us-west-2.vpce.amazonaws.com",
        "https://vpce-0a1b2c3d-x1y2z3-us-west-2a.ivschat.us-west-2.vpce.amazonaws.com",
    ],
)
def test_aws_is_known_by_its_other_names(url: str) -> None:
    assert elsewhere(url) is None


@pytest.mark.parametrize(
    "url",
    [
        SANDBOX,
        "http://[::1]:8787",
        "https://chat.example.com",
        "https://evil-amazonaws.com",
        "https://ivschat.us-west-2.evil-amazonaws.com",
        "https://ivschat.us-west-2.amazonaws.com.evil.com",
        "https://xivschat.us-west-2.amazonaws.com",
        "https://evil.com/ivschat.us-west-2.amazonaws.com",
        "https://evil.com#ivschat.us-west-2.amazonaws.com",
        "https://evil.com\\@ivschat.us-west-2.amazonaws.com",
        "https://ivschat.s3.amazonaws.com",  # somebody's bucket
        "https://ivschat.s3-us-west-2.amazonaws.com",
        "https://ec2-192-0-2-1.us-west-2.compute.amazonaws.com",
        "https://abc123.execute-api.us-west-2.amazonaws.com",
        "https://vpce-0a1b-x1y2.vpce-svc-0f1e.us-west-2.vpce.amazonaws.com",  # anybody's own service
        "https://vpce-0a1b-x1y2.ivschat.us-west-2.amazonaws.com",
        "https://ivschat.us-west-2.vpce.amazonaws.com",
    ],
)
def test_what_only_looks_like_aws_is_not_aws(url: str) -> None:
    assert elsewhere(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@LOCALHOST:8787/x/?key=secret#secret", "http://localhost:8787/x"),
        ("https://evil.com@ivschat.us-west-2.amazonaws.com", "https://ivschat.us-west-2.amazonaws.com"),
        ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
    ],
)
def test_an_endpoint_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert elsewhere(url) == shown


@pytest.mark.parametrize(
    "url", ["", "localhost:8787", "ftp://x", "http://", "http://[", "http://x:99999", "http://x y"]
)
def test_what_is_no_url_is_said(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        elsewhere(url)


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": "http://all.example"}, "http://all.example"),
        (
            {"AWS_ENDPOINT_URL": "http://all.example", "AWS_ENDPOINT_URL_IVSCHAT": "http://chat.example"},
            "http://chat.example",
        ),
        ({"AWS_ENDPOINT_URL_IVSCHAT": "", "AWS_ENDPOINT_URL": "http://all.example"}, "http://all.example"),
        ({"AWS_ENDPOINT_URL": "http://all.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, None),
        ({"AWS_ENDPOINT_URL_IVSCHAT": "https://ivschat-fips.us-west-2.amazonaws.com"}, None),
        ({"AWS_ENDPOINT_URL_S3": "http://s3.example"}, None),
    ],
)
def test_the_variables_mean_what_they_mean_to_botocore(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], endpoint: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert of_environment(variables) == endpoint
    assert chat().endpoint([WHERE]) == endpoint


def test_an_option_goes_before_the_variables_also_where_those_are_ignored() -> None:
    variables = {"AWS_ENDPOINT_URL": "http://all.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert of_environment(variables, SANDBOX) == SANDBOX
    assert of_environment({"AWS_ENDPOINT_URL": "no url"}) is None


@pytest.mark.parametrize("section", ["endpoint_url = {url}\n", IN_SERVICES])
def test_the_configuration_of_aws_may_name_an_endpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, section: str
) -> None:
    (tmp_path / "config").write_text("[profile trial]\n" + section.format(url=SANDBOX))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert chat().endpoint([WHERE]) is None
    assert chat(profile="trial").endpoint([WHERE]) == SANDBOX
