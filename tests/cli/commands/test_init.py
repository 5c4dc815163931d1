"""`reconciler init`: what it writes, that it can be used as it is, and that it writes all or nothing."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from ruamel.yaml import YAML

from reconciler import load_ban_list
from reconciler.ci.workflow import workflows
from reconciler.cli.commands.init import IGNORED
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.loopback import serving
from tests.command_line import Reconciler
from tests.hostile import TEXTS

ROOT = Path(__file__).parents[3]
HERE = "us-west-2"


@pytest.fixture
def reconciler(reconciler: Reconciler, folder: Path) -> Reconciler:
    """Run where there is nothing."""
    (folder / "bans.yaml").unlink()
    return reconciler


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def create(sandbox: Sandbox, *names: str, region: str = HERE) -> list[str]:
    client = boto3.client("ivschat", region_name=region, endpoint_url=sandbox.url)
    arns = [client.create_room(name=name)["arn"] for name in names]
    client.close()
    return arns


def test_the_list_bans_nobody_and_there_is_nothing_to_do(reconciler: Reconciler) -> None:
    result = reconciler("init")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "Wrote bans.yaml and bans.schema.json. Added 6 lines to .gitignore.\n\nNext:\n"
        "1. Write your rooms into bans.yaml; `reconciler rooms --region REGION` shows them with their ARNs.\n"
        "2. Run `reconciler doctor`: it checks the credentials and the rooms.\n"
        "3. Ban somebody with `reconciler ban USER_ID --room ROOM`, and commit the list for review.\n"
    )
    assert sorted(files()) == [".gitignore", "bans.schema.json", "bans.yaml"]
    assert reconciler("validate", "--strict").out == "bans.yaml is valid: 0 bans, of 0 users in 0 rooms.\n"
    assert reconciler("plan", "--detailed-exitcode").out == "No changes. The state matches bans.yaml.\n"
    assert reconciler("fmt", "--check").code == 0


def test_editors_find_the_schema_and_the_list_follows_it(reconciler: Reconciler) -> None:
    reconciler("init")
    text = Path("bans.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=bans.schema.json\n")
    assert json.loads(Path("bans.schema.json").read_text()) == json.loads(reconciler("schema").out)
    ran = subprocess.run(
        ["check-jsonschema", "--schemafile", "bans.schema.json", "bans.yaml"],
        env=os.environ | {"PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_the_examples_in_the_comments_can_be_used(reconciler: Reconciler) -> None:
    reconciler("init")
    text = Path("bans.yaml").read_text()
    text = re.sub(r"^  # (lobby: arn:.*)$", r"  \1", text, flags=re.MULTILINE)
    entry = "".join(f"{line[1:]}\n" for line in text.splitlines() if re.match(r"#   (- user_id|  )", line))
    Path("bans.yaml").write_text(text.replace("bans: []\n", f"bans:\n{entry}"))
    (key, ban), *more = load_ban_list("bans.yaml").bans.items()
    assert (key.user_id, ban.reason, more) == ("ABC123def456", "Violated terms of service", [])
    assert ban.expires_at is not None


def test_the_first_ban_goes_into_the_list_and_the_comments_stay(reconciler: Reconciler) -> None:
    reconciler("init")
    Path("bans.yaml").write_text(Path("bans.yaml").read_text().replace("  # lobby:", "  lobby:"))
    before = Path("bans.yaml").read_text()
    assert reconciler("ban", "zed", "--room", "lobby").code == 0
    assert Path("bans.yaml").read_text() == before.replace(
        "bans: []\n", "bans:\n  - user_id: zed\n    rooms: [lobby]\n"
    )


def test_what_there_is_stays_as_it_is(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text("mine")
    before = files()
    result = reconciler("init", "--github")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: There is a bans.yaml already, so nothing was written. To begin another list, name it with -f.\n"
    )
    assert files() == before


@pytest.mark.parametrize("name", ["bans.yml", "ban.yml"])
def test_a_workflow_that_there_is_keeps_the_list_from_being_written(reconciler: Reconciler, name: str) -> None:
    place = Path(".github/workflows", name)
    place.parent.mkdir(parents=True)
    place.symlink_to("nowhere")  # also one that leads nowhere
    result = reconciler("init", "--github")
    assert result.code == 1
    assert f"There is a .github/workflows/{name} already, so nothing was written." in result.err
    assert files() == {}


def test_a_schema_that_there_is_stays(reconciler: Reconciler) -> None:
    Path("bans.schema.json").write_text("{}")
    assert reconciler("init").out.startswith("Wrote bans.yaml. ")
    assert Path("bans.schema.json").read_text() == "{}"


def test_only_missing_lines_are_added_to_gitignore(reconciler: Reconciler) -> None:
    Path(".gitignore").write_bytes(b"node_modules/\n  plan.json\n\xff")
    Path(".gitignore").chmod(0o600)
    assert "Added 5 lines to .gitignore." in reconciler("init").out
    lines = Path(".gitignore").read_bytes().split(b"\n")
    assert lines[:5] == [b"node_modules/", b"  plan.json", b"\xff", b"", lines[4]]
    assert lines[4].startswith(b"# Files of reconciler.")
    assert [line.decode() for line in lines[5:]] == [*IGNORED[:-1], ""]
    assert Path(".gitignore").stat().st_mode & 0o777 == 0o600
    before = Path(".gitignore").read_bytes()
    assert ".gitignore" not in reconciler("init", "-f", "other.yaml").out
    assert Path(".gitignore").read_bytes() == before


def test_line_ends_of_windows_stay(reconciler: Reconciler) -> None:
    Path(".gitignore").write_bytes(b"x\r\n")
    reconciler("init")
    assert b"\n" not in Path(".gitignore").read_bytes().replace(b"\r\n", b"")


def test_a_gitignore_behind_a_link_is_the_one_that_changes(reconciler: Reconciler) -> None:
    Path("shared").write_text("x\n")
    Path(".gitignore").symlink_to("shared")
    reconciler("init")
    assert Path(".gitignore").is_symlink()
    assert "plan.json" in Path("shared").read_text()


def test_a_gitignore_that_is_no_file_stops_it(reconciler: Reconciler) -> None:
    os.mkfifo(".gitignore")
    result = reconciler("init")
    assert (result.code, files()) == (1, {})
    assert result.err.startswith("Error: .gitignore: ")
    assert result.err.endswith(". Nothing was written.\n")


def test_the_documentation_ignores_the_same(reconciler: Reconciler) -> None:
    block = "```\n" + "".join(f"{line}\n" for line in IGNORED) + "```\n"
    assert block in (ROOT / "docs/ci.md").read_text()


def test_git_ignores_what_lies_beside_the_state_and_not_the_state(reconciler: Reconciler) -> None:
    reconciler("init")
    subprocess.run(["git", "init", "--quiet"], check=True)
    ours = [f"bans.state.json{suffix}" for suffix in (".backup", ".journal", ".journal.aside", ".lock")]
    ours += ["plan.json", "bans.state.recovered-x.json", "bans.state.json.reconciler.tmp"]
    names = [*ours, "bans.state.json", "bans.yaml", "denylist.json"]
    ran = subprocess.run(["git", "check-ignore", *names], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ours


# With the workflow


def test_the_workflows_are_those_of_the_documentation(reconciler: Reconciler) -> None:
    result = reconciler("init", "--github")
    assert result.code == 0
    for place, text in workflows().items():
        assert Path(place).read_text() == text == (ROOT / "docs/examples/github" / Path(place).name).read_text()
    assert sorted(path.name for path in Path(".github/workflows").iterdir()) == ["ban.yml", "bans.yml"]
    assert (
        "\n2. In .github/workflows/bans.yml and .github/workflows/ban.yml, write the repository and the commit of"
        " reconciler" in result.out
    )


def test_the_workflow_of_another_list_goes_to_the_root_and_names_it(reconciler: Reconciler) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path("chat").mkdir()
    os.chdir("chat")
    assert reconciler("init", "--github", "-f", "banned.yaml").code == 0
    os.chdir("..")
    made = [YAML(typ="safe").load(Path(f".github/workflows/{name}.yml").read_text()) for name in ("bans", "ban")]
    jobs = [job for workflow in made for job in workflow["jobs"].values()]
    ours = [step for job in jobs for step in job["steps"] if "command" in step.get("with", {})]
    assert [step["with"] for step in ours] == [
        {"command": "touched", "file": "chat/banned.yaml\n"},
        {"command": "plan", "file": "${{ matrix.list }}"},
        {"command": "apply", "file": "${{ matrix.list }}", "notify": "${{ vars.RECONCILER_NOTIFY }}"},
        {"command": "report", "file": "${{ matrix.list }}", "notify": "${{ vars.RECONCILER_NOTIFY }}"},
        {"command": "ban-now", "file": "chat/banned.yaml\n"},
        {
            "command": "ban",
            "file": "chat/banned.yaml\n",
            "token": "${{ secrets.RECONCILER_FORM_TOKEN || github.token }}",
        },
    ]
    assert sorted(files()) == sorted(
        [
            *(".github/workflows/ban.yml", ".github/workflows/bans.yml"),
            *("chat/.gitignore", "chat/banned.yaml", "chat/bans.schema.json"),
            *(name for name in files() if name.startswith(".git/")),
        ]
    )


@pytest.mark.parametrize("name", ["it's.yaml", "b*.yaml", "a\nb.yaml", "-b.yaml", "${{ x }}.yaml"])
def test_a_list_that_a_workflow_cannot_name_is_refused(reconciler: Reconciler, name: str) -> None:
    result = reconciler("init", "--github", "--file", name)
    assert (result.code, files()) == (1, {})
    assert "--github cannot be used with this list: a workflow can only name" in result.err


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("git@github.com:acme/bans.git", "acme/bans"),
        ("https://github.com/acme/the.bans", "acme/the.bans"),
        ("https://token@github.com/acme/bans.git/", "acme/bans"),
        ("ssh://git@github.com/acme/bans", "acme/bans"),
        ("https://git.example.com/acme/bans.git", "OWNER/REPOSITORY"),
        ("https://github.com/acme/$(touch made)", "OWNER/REPOSITORY"),
        ("https://example.com/https://github.com/acme/bans", "OWNER/REPOSITORY"),
    ],
)
def test_whoever_gets_a_workflow_is_told_how_to_ask_for_the_subjects(
    reconciler: Reconciler, origin: str, named: str
) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "remote", "add", "origin", origin], check=True)
    result = reconciler("init", "--github")
    command = f"gh api repos/{named}/actions/oidc/customization/sub --jq .sub_claim_prefix"
    assert f'`reconciler init --aws-account ID --subject "$({command})"` writes the trust policies.' in result.out


SUBJECT = ("--subject", "repo:acme@42/bans@4711", "--aws-account", "123456789012")
POLICIES = [".github/aws/reconciler-apply.json", ".github/aws/reconciler-plan.json"]


def test_the_trust_policies_are_written_beside_the_workflow_or_alone(reconciler: Reconciler) -> None:
    assert reconciler("init", "--github", *SUBJECT).code == 0
    both = files()
    assert both.keys() >= {*POLICIES, "bans.yaml", ".github/workflows/bans.yml"}
    for path in POLICIES:
        Path(path).unlink()
    result = reconciler("init", *SUBJECT)
    assert (result.code, files()) == (0, both)
    assert f"Wrote {POLICIES[0]} and {POLICIES[1]}.\n" in result.out
    assert json.loads(both[POLICIES[0]])["Statement"][0]["Principal"] == {
        "Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    }
    for arguments in (SUBJECT, (*SUBJECT, "--github", "-f", "other.yaml")):
        again = reconciler("init", *arguments)
        assert (again.code, files()) == (1, both)
        assert "already, so nothing was written" in again.err


@pytest.mark.parametrize(
    "arguments",
    [
        SUBJECT[:2],
        SUBJECT[2:],
        (*SUBJECT, "--rooms-in", HERE),
        (*SUBJECT[:3], "12345678901"),
        *(
            ("--subject", subject, *SUBJECT[2:])
            for subject in (
                "acme/bans",
                "repo:acme/*",
                "repo:acme@42/bans",
                "repo:acme/bans@4711",
                "repo:acme/bans:ref:refs/heads/main",
                "repo:acme/bans:*",
                "repository_owner:acme",
                "repo:acme/bans\n",
                "",
            )
        ),
    ],
)
def test_policies_for_nobody_in_particular_are_not_written(reconciler: Reconciler, arguments: Sequence[str]) -> None:
    result = reconciler("init", *arguments)
    assert (result.code, files()) == (1, {})


# With rooms


def test_rooms_have_the_names_that_they_have_in_the_account(reconciler: Reconciler, credentials: None) -> None:
    with running(SandboxOptions(room_quota=0)) as sandbox:
        main, again, unnamed, everyone, number = create(sandbox, "Main-stage", "Main-stage", "", "all", "123")
        [east] = create(sandbox, "Main-stage", region="us-east-1")
        create(sandbox, "elsewhere", region="eu-west-1")
        result = reconciler("init", "--rooms-in", HERE, "--rooms-in", "us-east-1", "--endpoint-url", sandbox.url)
    assert result.code == 0
    assert "\n1. Look through the 6 rooms in bans.yaml." in result.out
    first, second = sorted([main, again])
    unnamed_name = f"room-{unnamed.rpartition('/')[2]}"
    assert load_ban_list("bans.yaml").rooms == {
        "Main-stage": east,
        "Main-stage-2": first,
        "Main-stage-3": second,
        unnamed_name: unnamed,
        "room-all": everyone,
        "123": number,
    }
    assert '\n  "123": arn:' in Path("bans.yaml").read_text()
    assert reconciler("validate", "--strict").code == 0


def answering_with(names: Sequence[str]) -> Any:
    """A service in which rooms have these names."""
    rooms = [
        {"arn": f"arn:aws:ivschat:{HERE}:123456789012:room/{number:012}", "name": name}
        for number, name in enumerate(names)
    ]
    answers = [rooms[start : start + 50] for start in range(0, len(rooms), 50)]

    def answer(_method: str, _path: str, _headers: object, content: dict[str, Any]) -> tuple[int, object]:
        number = int(content.get("nextToken") or 0)
        more = {"nextToken": str(number + 1)} if number + 1 < len(answers) else {}
        return 200, {"rooms": answers[number], **more}

    return serving(answer)


def test_names_of_any_kind_make_a_list_that_can_be_used(
    reconciler: Reconciler, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.aws.rooms.LIST_ROOMS_RATE", 0)
    names = [*TEXTS, "everywhere", "all", "null", "~", "no", "1e5", "x: y", "[", "{}", "w" * 128, "w" * 128]
    with answering_with(names) as url:
        assert reconciler("init", "--rooms-in", HERE, "--endpoint-url", url).code == 0
    assert len(load_ban_list("bans.yaml").rooms) == len(names)
    assert reconciler("validate", "--strict").code == 0
    assert Path("bans.yaml").read_text().isascii()


def test_an_account_without_rooms_is_said(reconciler: Reconciler, credentials: None) -> None:
    with running() as sandbox:
        result = reconciler("init", "--rooms-in", HERE, "--endpoint-url", sandbox.url)
    assert "\n1. There are no rooms in these regions yet. Write your rooms into bans.yaml;" in result.out
    assert load_ban_list("bans.yaml").rooms == {}


def test_nothing_is_written_if_the_rooms_cannot_be_found(reconciler: Reconciler) -> None:
    result = reconciler("init", "--github", "--rooms-in", HERE)
    assert (result.code, files()) == (1, {})
    assert "There are no AWS credentials." in result.err


def test_what_is_no_region_is_refused(reconciler: Reconciler) -> None:
    result = reconciler("init", "--rooms-in", "evil.example.com/")
    assert (result.code, files()) == (1, {})
    assert "'evil.example.com/' is not a region of AWS, such as us-west-2." in result.err


# All or nothing


@pytest.mark.parametrize("after", range(3))
def test_a_failure_on_the_way_leaves_nothing(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    Path(".gitignore").write_text("x\n")
    link = Path.hardlink_to
    done: list[Path] = []

    def fail(self: Path, target: Path) -> None:
        if len(done) == after:
            raise OSError(28, "No space left on device", str(self))
        done.append(self)
        link(self, target)

    with monkeypatch.context() as failing:
        failing.setattr(Path, "hardlink_to", fail)
        result = reconciler("init", "--github")
    assert result.code == 1
    assert result.err.endswith(": No space left on device. Nothing was written.\n")
    assert files() == {".gitignore": b"x\n"}
    assert os.listdir() == [".gitignore"]
    assert reconciler("init", "--github").code == 0


def test_a_list_that_appears_meanwhile_is_left_alone(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    link = Path.hardlink_to

    def meanwhile(self: Path, target: Path) -> None:
        if self.name == "bans.yaml":
            self.write_text("mine")
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", meanwhile)
    result = reconciler("init")
    assert "There is a bans.yaml already, so nothing was written." in result.err
    assert files() == {"bans.yaml": b"mine"}


def test_without_a_folder_nothing_is_made(reconciler: Reconciler) -> None:
    assert reconciler("init", "-f", "chat/bans.yaml").err == "Error: There is no folder chat. Nothing was written.\n"
    assert os.listdir() == []


def test_a_folder_that_cannot_be_written_is_said(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr("reconciler.atomic.os.open", denied)
    assert reconciler("init").err == "Error: x: Permission denied. Nothing was written.\n"


STATE = "s3://moderation/lists/bans.state.json"
BANS = ".github/workflows/bans.yml"


def test_a_state_on_s3_is_in_the_list_and_in_the_workflow(reconciler: Reconciler) -> None:
    result = reconciler("init", "--github", "--state", STATE)
    assert (result.code, result.err) == (0, "")
    assert load_ban_list("bans.yaml").state == STATE
    assert reconciler("validate", "--strict").code == 0
    assert reconciler("fmt", "--check").code == 0
    for path, text in workflows(state_on_s3=True).items():
        assert Path(path).read_text() == text
    text = Path(BANS).read_text()
    jobs = YAML(typ="safe").load(text)["jobs"]
    assert jobs["plan"]["permissions"] == {"contents": "read", "pull-requests": "write", "id-token": "write"}
    assert jobs["apply"]["permissions"] == {"contents": "read", "id-token": "write", "issues": "write"}
    signing_in = [step for step in jobs["plan"]["steps"] if step.get("with", {}).get("role-to-assume")]
    assert [step["with"]["role-to-assume"] for step in signing_in] == ["${{ vars.RECONCILER_PLAN_ROLE_ARN }}"]


def test_what_is_for_s3_is_a_comment_for_a_state_in_git() -> None:
    """And nothing else differs, but that the state needs no commit."""
    plain, on_s3 = (YAML(typ="safe").load(workflows(state_on_s3=on_s3)[BANS]) for on_s3 in (False, True))
    assert plain["jobs"]["plan"]["permissions"].get("id-token") is None
    del on_s3["jobs"]["plan"]["permissions"]["id-token"]
    assert plain["jobs"]["apply"]["permissions"].pop("contents") == "write"
    assert on_s3["jobs"]["apply"]["permissions"].pop("contents") == "read"
    on_s3["jobs"]["plan"]["steps"].pop(1)
    assert plain == on_s3


@pytest.mark.parametrize(
    "location",
    ["bans.state.json", "s3://moderation", "s3://moderation/", "s3://moderation/a b", "s3://Moderation/x", "s3://m/x#y",
     "s3://moderation/x\nversion: 2", "dynamodb://us-west-2/bans"],
)  # fmt: skip
def test_another_state_is_refused(reconciler: Reconciler, location: str) -> None:
    result = reconciler("init", "--state", location)
    assert result.code == 1
    assert "is not s3://BUCKET/KEY" in result.err
    assert files() == {}


def test_the_state_of_a_rehearsal_is_not_that_of_a_new_list(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE", "s3://moderation/rehearsal")
    assert reconciler("init").code == 0
    assert "rehearsal" not in Path("bans.yaml").read_text()


def test_policies_alone_go_with_no_state(reconciler: Reconciler) -> None:
    result = reconciler("init", "--subject", "repo:acme/bans", "--aws-account", "123456789012", "--state", STATE)
    assert result.code == 1
    assert "--state writes a list, and --subject alone does not" in result.err
    assert files() == {}
