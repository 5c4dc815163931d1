"""`reconciler validate`: the verdict on a list, in every format."""

import json
from pathlib import Path

import pytest

from tests.command_line import AWS_ARN, WRONG, Reconciler, with_reasons
from tests.logs import runner_reads


def test_validate_has_three_formats(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(WRONG)
    as_text, as_json, as_github = (reconciler("validate", "--format", each) for each in ("text", "json", "github"))
    assert {as_text.code, as_json.code, as_github.code} == {1}
    lines = as_text.err.splitlines()[:-1]
    assert len(lines) == 6
    found = json.loads(as_json.out)
    assert (found["valid"], found["error_count"]) == (False, 6)
    assert [
        f"{each['range']['filename']}:{each['range']['start']['line']}:{each['range']['start']['column']}"
        for each in found["diagnostics"]
    ] == [":".join(line.split(":")[:3]) for line in lines]
    assert [runner_reads(line)[2] for line in as_github.out.splitlines()] == lines
    assert as_json.err == as_github.err == "Error: bans.yaml has 6 problems. Nothing was done.\n"
    assert found["diagnostics"][0]["snippet"]["code"] == "  - user_id: alice"


def test_a_valid_list_in_three_formats(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    verdict = "bans.yaml is valid: 1 ban, of 1 user in 1 room.\n"
    as_text, as_json, as_github = (reconciler("validate", "--format", each) for each in ("text", "json", "github"))
    assert (as_text.code, as_text.out, as_text.err) == (0, verdict, "")
    assert (as_github.code, as_github.out, as_github.err) == (0, verdict, "")
    assert (as_json.code, as_json.err) == (0, "")
    assert json.loads(as_json.out)["valid"] is True


@pytest.mark.parametrize("name", ["validate", "plan"])
def test_a_list_that_is_not_there_is_json_too(reconciler: Reconciler, name: str) -> None:
    Path("bans.yaml").unlink()
    result = reconciler(name, "--format", "json")
    assert result.code == 1
    assert json.loads(result.out)["valid"] is False
    assert "no such file" in result.err


@pytest.mark.parametrize("kind", ["missing", "a folder", "not readable"])
def test_why_a_list_cannot_be_read_is_an_annotation_and_a_comment(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind != "not readable":
        Path("bans.yaml").unlink()
    if kind == "a folder":
        Path("bans.yaml").mkdir()
    elif kind == "not readable":
        monkeypatch.setattr("reconciler.sources.MAX_LIST", 1)
    annotated = reconciler("validate", "--format", "github")
    [line] = annotated.out.splitlines()
    name, properties, message = runner_reads(line)
    assert (annotated.code, name, properties["title"]) == (1, "error", "Ban list")
    assert properties.get("file") == ("bans.yaml" if kind == "not readable" else None)
    assert annotated.err == f"Error: {message}\n"
    commented = reconciler("plan", "--format", "markdown")
    assert commented.code == 1
    assert commented.out == f"<!-- reconciler-plan: bans.yaml -->\n**There is no plan.** `{message}`\n"
    assert commented.err == annotated.err
    assert reconciler("validate").out == ""
    assert reconciler("plan").out == ""


def test_annotations_name_files_from_the_root_of_the_repository(
    reconciler: Reconciler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository" / "moderation"
    folder.mkdir(parents=True)
    (folder / "bans.yaml").write_text("bans: []\n")
    monkeypatch.chdir(folder)

    def file() -> str:
        return runner_reads(reconciler("validate", "--format", "github").out.splitlines()[0])[1]["file"]

    assert file() == "bans.yaml"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "repository"))
    assert file() == "moderation/bans.yaml"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "repository")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(link))
    assert file() == "moderation/bans.yaml"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "rep"))  # not a folder above, though it begins alike
    assert file() == "bans.yaml"


def test_problems_of_several_files_are_counted_together_and_annotated_in_theirs(reconciler: Reconciler) -> None:
    Path("one.yaml").write_text("bans:\n  - user_id: a\n    raison: x\n    rooms: [lobby]\n")
    Path("two.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n")
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n  lobby: {AWS_ARN}\ninclude: [one.yaml, two.yaml]\n")
    result = reconciler("validate")
    assert result.code == 1
    assert "one.yaml:3:5: bans[0].raison: " in result.err
    assert "two.yaml:2:14: bans[0].user_id: line 2 of one.yaml bans this user in lobby already" in result.err
    assert result.err.endswith("Error: There are 2 problems in 2 files. Nothing was done.\n")
    annotations = reconciler("validate", "--format", "github").out
    assert "file=one.yaml,line=3,col=5" in annotations
    assert "file=two.yaml,line=2,col=14" in annotations
    diagnostics = json.loads(reconciler("validate", "--format", "json").out)["diagnostics"]
    assert [(d["range"]["filename"], d["snippet"]["code"]) for d in diagnostics] == [
        ("one.yaml", "    raison: x"),
        ("two.yaml", "  - user_id: a"),
    ]
    comment = reconciler("plan", "--format", "markdown").out
    assert "`one.yaml`" in comment
    assert "`two.yaml`" in comment
