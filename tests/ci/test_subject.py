"""The step in docs/github.md that shows which subject AWS was sent, run as it stands."""

import base64
import json
import re
import subprocess
import textwrap
from email.message import Message

import pytest
from ruamel.yaml import YAML

from tests.ci.conftest import ROOT
from tests.ci.loopback import serving

[STEP] = [
    step
    for _, text in re.findall(
        r"^( *)```yaml\n(.*?)^\1```$", (ROOT / "docs/github.md").read_text(), re.MULTILINE | re.DOTALL
    )
    for step in YAML(typ="safe").load(textwrap.dedent(text))
    if "ACTIONS_ID_TOKEN_REQUEST_URL" in str(step)
]
SUBJECT = "repo:acme@42/bans@4711:ref:refs/heads/main"


def show(answer: object) -> tuple[int, str]:
    """Run the step against an issuer of tokens that answers this."""

    def issue(method: str, path: str, headers: Message, _content: object) -> tuple[int, object]:
        asked = (method, path, headers["Authorization"])
        return (
            (200, answer) if asked == ("GET", "/token?v=2&audience=sts.amazonaws.com", "bearer secret") else (403, {})
        )

    with serving(issue) as url:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEP["run"]],
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/token?v=2",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
            },
            check=False, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    return done.returncode, done.stdout


def token(**claims: str) -> dict[str, str]:
    """A token as GitHub issues them, but for the key."""
    parts = ({"typ": "JWT", "alg": "RS256"}, claims, "signed")
    return {
        "value": ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    }


# Of a length that leaves one, two and no characters of padding.
@pytest.mark.parametrize("actor", ["zed", "zedd", "zeddd"])
def test_the_subject_and_the_audience_are_shown_and_the_token_is_not(actor: str) -> None:
    issued = token(sub=SUBJECT, aud="sts.amazonaws.com", actor=actor)
    code, log = show(issued)
    assert (code, log) == (0, f"{{'sub': '{SUBJECT}', 'aud': 'sts.amazonaws.com'}}\n")


def test_it_is_for_a_job_that_has_failed() -> None:
    assert STEP["if"] == "failure()"


def test_nothing_that_is_shown_is_a_command_and_nothing_is_endless() -> None:
    code, log = show(token(sub="\n::add-mask::x\n" + "y" * 40_000, aud="\x1b[31m"))
    assert code == 0
    assert not re.search(r"^::|\x1b", log, re.MULTILINE)
    assert len(log) < 1200
    code, log = show(token(sub="y" * 1_000_000, aud=""))
    assert code != 0
    assert len(log) < 2000


def test_what_is_no_token_is_an_error() -> None:
    assert show({"message": "no"})[0] != 0
    assert show(token(aud="sts.amazonaws.com"))[0] != 0
