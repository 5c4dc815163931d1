"""What keeps a release from being made, what it says of itself, and how the next one begins."""

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import release

from tests.ci.conftest import git
from tests.release.conftest import CHANGELOG, FILES, ROOT

TODAY = date(2027, 3, 1)


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_all_that_names_the_version_of_this_project_agrees() -> None:
    assert release.check(ROOT)
    assert {pin.path for pin in release.pins(ROOT)} >= {
        *("reconciler/__init__.py", "README.md", "docs/ci.md", "docs/list.md", "docs/examples/gitlab/.gitlab-ci.yml"),
        *("docs/examples/github/bans.yml", "reconciler/ci/bans.yml"),
        *("docs/examples/github/ban.yml", "reconciler/ci/ban.yml"),
    }


def test_version_tag_and_changelog_that_agree_are_ready(project: Path) -> None:
    assert release.check(project) == release.check(project, "v0.3.1") == "0.3.1"


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("README.md", "ivschat-reconciler==", "0.3.0"),
        ("docs/list.md", "rev: v", "0.3.1rc1"),
        ("docs/examples/gitlab/.gitlab-ci.yml", "ivschat-reconciler==", "0.3.10"),
        ("docs/examples/github/bans.yml", "# v", "0.31"),
        ("reconciler/ci/bans.yml", "# v", "1.3.1"),
        ("docs/examples/github/ban.yml", "# v", "0.3.2"),
    ],
)
def test_one_place_with_another_version_stops_it(project: Path, path: str, before: str, after: str) -> None:
    change(project / path, f"{before}0.3.1", before + after)
    why = rf"^{re.escape(path)}:\d+ names {re.escape(after)}, and reconciler/__init__\.py 0\.3\.1\."
    for tag in (None, "v0.3.1"):
        with pytest.raises(release.NotReady, match=why):
            release.check(project, tag)


def test_the_package_with_another_version_stops_it(project: Path) -> None:
    change(project / "reconciler/__init__.py", '"0.3.1"', '"0.3.2"')
    with pytest.raises(
        release.NotReady, match=r"README\.md:\d+ names 0\.3\.1, and reconciler/__init__\.py 0\.3\.2\.\n"
    ):
        release.check(project)


def test_a_place_that_no_longer_names_a_version_stops_it(project: Path) -> None:
    change(project / "docs/list.md", "rev: v0.3.1", "rev: main")
    with pytest.raises(release.NotReady, match=r"^No version is named in docs/list\.md"):
        release.check(project)


@pytest.mark.parametrize(
    "tag", ["0.3.1", "v0", "v0.3", "v0.3.1rc1", "v0.3.1\n", "v00.3.1", "v0.3.1; id", "", "v0.3.1.0"]
)
def test_a_tag_that_is_none_of_a_release_stops_it(project: Path, tag: str) -> None:
    with pytest.raises(release.NotReady, match="is none of a release"):
        release.check(project, tag)


def test_everything_that_is_wrong_is_said_at_once(project: Path) -> None:
    change(project / "CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- Not released.\n")
    with pytest.raises(release.NotReady) as raised:
        release.check(project, "v0.4.0")
    assert str(raised.value).splitlines() == [
        "The tag is v0.4.0, and reconciler/__init__.py says 0.3.1.",
        "CHANGELOG.md has changes under Unreleased: they belong to 0.4.0, or are not in it.",
        "The newest version in CHANGELOG.md is 0.3.1, not 0.4.0.",
    ]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("## [0.3.1] - 2027-02-28", "## [0.3.1]", "needs a date"),
        ("## [0.3.1] - 2027-02-28", "## [0.3.1] - 2027-02-30", "needs a date"),
        ("## [0.3.1] - 2027-02-28", "## [0.3.1] - soon", "needs a date"),
        (CHANGELOG.partition("2027-02-28\n")[2].partition("\n## ")[0], "", "says nothing about 0.3.1"),
        ("## [0.3.1] - 2027-02-28", "## 0.3.1 - 2027-02-28", "The newest version in CHANGELOG.md is 0.3.0, not 0.3.1"),
        (CHANGELOG.partition("## [Unreleased]")[2], "", "The newest version in CHANGELOG.md is none, not 0.3.1"),
    ],
)
def test_a_changelog_that_does_not_fit_stops_it(project: Path, before: str, after: str, why: str) -> None:
    change(project / "CHANGELOG.md", before, after)
    with pytest.raises(release.NotReady, match=why):
        release.check(project, "v0.3.1")


def test_an_older_version_than_the_newest_stops_it(project: Path) -> None:
    for path in {pin.path for pin in release.pins(project)}:
        change(project / path, "0.3.1", "0.3.0")
    with pytest.raises(release.NotReady, match=r"newest version in CHANGELOG\.md is 0\.3\.1, not 0\.3\.0"):
        release.check(project, "v0.3.0")


def test_the_notes_are_the_section_of_the_version(project: Path) -> None:
    assert release.notes(project, "0.3.1") == (
        "### Fixed\n\n- A ban with `## [0.2.0]` as its reason, in one line.\n  - A part of it."
        "\n\n### Security\n\n- Another one."
    )
    assert release.notes(project, "0.3.0") == "- Something older."
    for missing in ("0.2.0", "0.3", "Unreleased"):
        with pytest.raises(release.NotReady, match="says nothing about"):
            release.notes(project, missing)


def test_a_release_that_was_prepared_is_ready(project: Path) -> None:
    change(project / "CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n### Added\n\n- More.\n")
    changed = release.prepare(project, "1.0.0", today=TODAY)
    assert set(changed) == {"CHANGELOG.md", *(pin.path for pin in release.pins(ROOT))}
    assert release.check(project, "v1.0.0") == "1.0.0"
    assert release.notes(project, "1.0.0") == "### Added\n\n- More."
    assert (project / "CHANGELOG.md").read_text() == CHANGELOG.replace(
        "## [Unreleased]\n", "## [Unreleased]\n\n## [1.0.0] - 2027-03-01\n\n### Added\n\n- More.\n"
    )
    assert (
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
        in (project / "reconciler/ci/bans.yml").read_text()
    )


def test_this_project_can_be_released_next(project: Path) -> None:
    for path in FILES:
        shutil.copy(ROOT / path, project / path)
    if {section.name: section.text for section in release.sections((project / "CHANGELOG.md").read_text())}[
        "Unreleased"
    ]:
        release.prepare(project, "999.0.0", today=TODAY)
    version = release.check(project)
    assert release.check(project, f"v{version}") == version
    assert release.notes(project, version)


@pytest.mark.parametrize(
    ("version", "unreleased", "why"),
    [
        ("0.3.1", "- More.", "has a section for 0.3.1 already"),
        ("0.4.0", "", "has nothing under Unreleased"),
        ("0.4", "- More.", "is no version"),
        ("v0.4.0", "- More.", "is no version"),
        ("", "- More.", "is no version"),
    ],
)
def test_what_cannot_be_prepared_changes_nothing(project: Path, version: str, unreleased: str, why: str) -> None:
    change(project / "CHANGELOG.md", "## [Unreleased]\n", f"## [Unreleased]\n\n{unreleased}\n")
    before = {pin.path: (project / pin.path).read_bytes() for pin in release.pins(project)}
    changelog = (project / "CHANGELOG.md").read_bytes()
    with pytest.raises(release.NotReady, match=why):
        release.prepare(project, version, today=TODAY)
    assert {path: (project / path).read_bytes() for path in before} == before
    assert (project / "CHANGELOG.md").read_bytes() == changelog


def script(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(project / ".ci/release.py"), *arguments],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_script_ends_with_1_and_says_why(project: Path) -> None:
    ready = script(project, "check", "v0.3.1")
    assert (ready.returncode, ready.stderr) == (0, "")
    assert ready.stdout == "0.3.1: everything that names the version agrees.\n"
    assert script(project, "notes", "v0.3.0").stdout == "- Something older.\n"
    failed = script(project, "check", "v0.4.0")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("Error: The tag is v0.4.0, and ")


def test_a_tag_that_was_never_merged_stops_it(project: Path) -> None:
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "README.md")
    git(project, "commit", "--quiet", "--message", "Begin")
    git(project, "checkout", "--quiet", "-b", "other")
    assert script(project, "check", "v0.3.1", "--on", "main").returncode == 0
    git(project, "commit", "--quiet", "--allow-empty", "--message", "Not reviewed")
    failed = script(project, "check", "v0.3.1", "--on", "main")
    assert failed.returncode == 1
    assert failed.stderr == "Error: The tag is not on main: its commit was never merged.\n"
    unknown = script(project, "check", "v0.3.1", "--on", "origin/main")
    assert unknown.returncode == 1
    assert "The tag is not on origin/main: " in unknown.stderr
