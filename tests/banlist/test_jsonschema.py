"""The JSON Schema of the ban list, through a checker that editors' authors know: what it lets through and what not."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from check_jsonschema.cli import main as check_jsonschema
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from reconciler.banlist import jsonschema
from reconciler.banlist import read as banlist
from reconciler.banlist.schema import EXAMPLE_ROLE
from reconciler.banlist.schema import KEYS as KEYS_OF_THE_READER
from reconciler.errors import BanListInvalid
from tests.builders import FINALS, LOBBY
from tests.command_line import Reconciler
from tests.yaml_texts import ban_list_texts, format_text

ROOT = Path(__file__).parents[2]
HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
ENTRY = "bans:\n  - user_id: abc\n    rooms: [lobby]\n"

Complaint = Callable[..., str]


@pytest.fixture(scope="module")
def complaint(tmp_path_factory: pytest.TempPathFactory) -> Complaint:
    """What check-jsonschema says against a text; empty when it accepts it."""
    scratch = tmp_path_factory.mktemp("schema")
    (scratch / "list.json").write_text(json.dumps(jsonschema.ban_list()))
    (scratch / "included.json").write_text(json.dumps(jsonschema.included()))

    def complaint(text: str, *, included: bool = False) -> str:
        (scratch / "bans.yaml").write_bytes(text.encode())
        schema = scratch / ("included.json" if included else "list.json")
        result = CliRunner().invoke(
            check_jsonschema, ["--schemafile", str(schema), "-v", str(scratch / "bans.yaml")], catch_exceptions=False
        )
        return "" if result.exit_code == 0 else result.output

    return complaint


# The command and the copy of its output


def test_the_copy_beside_the_list_is_what_the_command_prints(reconciler: Reconciler) -> None:
    result = reconciler("schema")
    assert (result.code, result.err) == (0, "")
    assert (ROOT / "docs/bans.schema.json").read_text() == result.out, "run `make schema`"


def test_the_shipped_list_names_the_copy_to_editors() -> None:
    text = (ROOT / "bans.yaml").read_text()
    match = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    if "ABC123def456" in text:  # whoever has put a list of their own here may have left the line out
        assert match is not None
    assert match is None or (ROOT / match[1]).is_file()


def test_both_schemas_are_printed_and_sound(reconciler: Reconciler) -> None:
    for arguments, keys in (([], {"version"}), (["--included"], {"bans"})):
        printed = reconciler("schema", *arguments).out
        Path("schema.json").write_text(printed)
        assert set(json.loads(printed)["required"]) == keys
        command = [sys.executable, "-m", "check_jsonschema", "--check-metaschema", "schema.json"]
        subprocess.run(command, check=True, capture_output=True)


# What people read


def sections(schema: Any) -> Iterator[dict[str, Any]]:
    yield schema
    yield from schema["$defs"].values()


@pytest.mark.parametrize("schema", [jsonschema.ban_list(), jsonschema.included()], ids=["list", "included"])
def test_every_key_is_explained(schema: Any) -> None:
    assert "$id" not in schema
    assert schema["title"]
    assert schema["description"]
    for section in sections(schema):
        assert section["additionalProperties"] is False
        for name, shape in section["properties"].items():
            assert re.fullmatch(r"[A-Z].{20,}\.", shape["description"]), name
            assert shape["examples"], name


def test_the_schema_has_the_keys_that_the_reader_has() -> None:
    schema = jsonschema.ban_list()
    assert {
        "": list(schema["properties"]),
        **{
            name: list(schema["$defs"][name]["properties"])
            for name in ("defaults", "guardrails", "denylist", "discover", "accounts")
        },
        "bans": list(schema["$defs"]["ban"]["properties"]),
    } == {name: list(keys) for name, keys in KEYS_OF_THE_READER.items()}
    assert list(jsonschema.included()["properties"]) == ["bans"]


@pytest.mark.parametrize(("section", "keys"), jsonschema.KEYS.items())
def test_the_examples_are_what_they_are_examples_of(section: str, keys: Any, complaint: Complaint) -> None:
    schema = jsonschema.ban_list()
    known = (
        schema["properties"]
        if section == ""
        else schema["$defs"][section if section != "bans" else "ban"]["properties"]
    )
    for name in keys.keys() & known.keys():
        for example in keys[name].examples:
            written = f"{name}: {json.dumps(example)}"
            head = {"version": "1", "bans": "[]", "rooms": f"{{lobby: '{LOBBY}'}}"}
            match section:
                case "":
                    head[name] = json.dumps(example)
                case "bans":
                    others = {"user_id": "x", "rooms": "all"}
                    others.pop(name, None)
                    head["bans"] = f"[{{{written}, {', '.join(f'{key}: {value}' for key, value in others.items())}}}]"
                case "discover":
                    head[section] = f"[{{{written}}}]" if name == "region" else f"[{{region: us-west-2, {written}}}]"
                case "accounts":
                    role = f"role_arn: {EXAMPLE_ROLE}"
                    access = written if name != "external_id" else f"{role}, {written}"
                    head[section] = f"{{'123456789012': {{{access}}}}}"
                case "denylist" if name != "location":
                    head[section] = f"{{location: x.json, {written}}}"
                case _:
                    head[section] = f"{{{written}}}"
            text = "".join(f"{key}: {value}\n" for key, value in head.items())
            assert complaint(text) == ""
            if name != "include":
                banlist.parse(text.encode())


# Good lists and bad ones


def test_the_shipped_list_and_the_one_of_the_readme_are_accepted(complaint: Complaint) -> None:
    assert complaint((ROOT / "bans.yaml").read_text()) == ""
    examples = re.findall(r"```yaml\n(version: 1\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        banlist.parse(example.encode(), find=lambda patterns: [[] for _ in patterns])
        assert complaint(example) == ""


@pytest.mark.parametrize(
    "text",
    [
        "version: '1'\nbans: []\n",
        "version: 1\nstate:\nrate: ~\nrooms:\ndefaults:\nguardrails:\nbans: []\n",
        "version: 1\nstate: s3://bucket/key\nrate: 0.5\nbans: []\n",
        "version: 1\nrate: '50'\nguardrails: {max_bans: '007', max_lift_percent: 100, protected_users: ~}\nbans: []\n",
        f"{HEAD}defaults: {{rooms: all, reason: spam, expires_at: never}}\nbans:\n  - user_id: abc\n",
        f"{HEAD}{ENTRY}    reason: 404\n    note: 2026-01-01\n",
        f"{HEAD}{ENTRY}    reason: no\n    note: 0x1F\n    expires_at: 2027-01-31 00:00:00.5+02:00\n",
        f"{HEAD}{ENTRY}    reason: ~\n    note:\n    expires_at: null\n",
        f"{HEAD}{ENTRY}  - user_id: '00123'\n    rooms: ['{LOBBY}', finals]\n",
        f"version: 1\nrooms: {{größe_1.x-y: '{LOBBY}'}}\nbans: []\n",
    ],
)
def test_a_good_list_is_accepted(text: str, complaint: Complaint) -> None:
    banlist.parse(text.encode())
    assert complaint(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bans: []\n", "'version' is a required property"),
        ("version: 1\n", "'bans' is a required property"),
        ("version: 1\ninclude: []\n", "include"),
        ("version: 1\ninclude: [../bans.yaml]\n", "include"),
        ("version: 1\ninclude: bans.d/*.yaml\n", "include"),
        ("version: 2\nbans: []\n", "version"),
        ("version: 1\nbans:\n", "None is not of type 'array'"),
        ("version: 1\nbans: {}\n", "is not of type 'array'"),
        ("version: 1\nban: []\nbans: []\n", "'ban' was unexpected"),
        ("version: 1\nstate: ''\nbans: []\n", "state"),
        ("version: 1\nrate: 0\nbans: []\n", "rate"),
        ("version: 1\nrate: fast\nbans: []\n", "rate"),
        ("version: 1\nrooms: {lobby: lobby}\nbans: []\n", "rooms.lobby"),
        (f"version: 1\nrooms: {{lobby: '{LOBBY}x/'}}\nbans: []\n", "rooms.lobby"),
        (f"version: 1\nrooms: {{lobby: '{LOBBY + 'x' * 128}'}}\nbans: []\n", "is too long"),
        (f"version: 1\nrooms: {{all: '{LOBBY}'}}\nbans: []\n", "'all'"),
        (f"version: 1\nrooms: {{a b: '{LOBBY}'}}\nbans: []\n", "'a b'"),
        ("version: 1\ndefaults: {user_id: a}\nbans: []\n", "user_id"),
        ("version: 1\ndefaults: {expires_at: 2027-01-31}\nbans: []\n", "expires_at"),
        ("version: 1\nguardrails: {max_bans: -1}\nbans: []\n", "max_bans"),
        ("version: 1\nguardrails: {max_bans: 1.5}\nbans: []\n", "max_bans"),
        ("version: 1\nguardrails: {max_lift_percent: 101}\nbans: []\n", "max_lift_percent"),
        ("version: 1\nguardrails: {protected_users: [0x1F]}\nbans: []\n", "31 is not of type 'string'"),
        (f"{HEAD}bans:\n  - rooms: [lobby]\n", "'user_id' is a required property"),
        (f"{HEAD}{ENTRY.replace('abc', '00123')}", "is not of type 'string'"),
        (f"{HEAD}{ENTRY.replace('abc', '1e5')}", "is not of type 'string'"),
        (f"{HEAD}{ENTRY.replace('abc', 'true')}", "is not of type 'string'"),
        (f"{HEAD}{ENTRY.replace('abc', '~')}", "is not of type 'string'"),
        (f"{HEAD}{ENTRY.replace('abc', chr(39) * 2)}", "user_id"),
        (f"{HEAD}{ENTRY.replace('abc', 'x' * 129)}", "is too long"),
        (f"{HEAD}{ENTRY}    raeson: Spam\n", "'raeson' was unexpected"),
        (f"{HEAD}{ENTRY}    reason: ''\n", "reason"),
        (f"{HEAD}{ENTRY}    reason: {'x' * 257}\n", "is too long"),
        (f"{HEAD}{ENTRY}    expires_at: 2027-01-31\n", "expires_at"),
        (f"{HEAD}{ENTRY}    expires_at: 2027-01-31T00:00:00\n", "expires_at"),
        (f"{HEAD}{ENTRY}    expires_at: 2027-01-31T24:00:00Z\n", "expires_at"),
        (f"{HEAD}{ENTRY}    expires_at: soon\n", "expires_at"),
        (f"{HEAD}{ENTRY.replace('[lobby]', '[]')}", "rooms"),
        (f"{HEAD}{ENTRY.replace('[lobby]', 'lobby')}", "rooms"),
        (f"{HEAD}{ENTRY}    note: [a]\n", "note"),
        (f"{HEAD}bans: [abc]\n", "'abc' is not of type 'object'"),
    ],
)
def test_a_bad_list_is_refused_with_what_is_wrong(text: str, said: str, complaint: Complaint) -> None:
    assert said in complaint(text)
    try:
        banlist.parse(text.encode())
    except BanListInvalid:
        return
    # We read text where other tools see a number; fmt puts these in quotes.
    assert complaint(format_text(text)) == ""


@given(ban_list_texts())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_every_sound_list_is_accepted_in_its_canonical_form(complaint: Complaint, case: tuple[str, list[str]]) -> None:
    text, _ = case
    assert complaint(format_text(text)) == ""


def test_a_list_may_include_all_of_its_bans(complaint: Complaint) -> None:
    assert complaint("version: 1\ninclude: [bans.d/*.yaml]\n") == ""


def test_an_included_file_holds_bans_alone(complaint: Complaint) -> None:
    assert complaint(ENTRY, included=True) == ""
    assert "'version' was unexpected" in complaint(f"version: 1\n{ENTRY}", included=True)
    assert "'bans' is a required property" in complaint("{}\n", included=True)
    assert "is not of type 'string'" in complaint("bans: [{user_id: 7}]\n", included=True)


@pytest.mark.parametrize(
    ("pattern", "sound"),
    [
        *((pattern, True) for pattern in ("bans.d/*.yaml", "a.yaml", "teams/*/bans.yaml", "..a/b..yaml", ".hidden")),
        *(
            (pattern, False)
            for pattern in ("/etc/bans.yaml", "../bans.yaml", "a/../b", "a/..", "..", ".", "./a", "a//b")
        ),
        *((pattern, False) for pattern in ("a/", "**/a", "a/**", "a\\b", "")),
    ],
)
def test_patterns_of_included_files_stay_below_the_list(pattern: str, sound: bool) -> None:
    shape = jsonschema.KEYS[""]["include"].shape
    assert shape is not None
    assert (re.search(shape["items"]["pattern"], pattern) is not None) is sound
