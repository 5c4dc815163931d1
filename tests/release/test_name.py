"""The name that the project is installed by: the same wherever it is written, and not somebody else's."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from reconciler import DISTRIBUTION, __version__
from tests.release.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXTS = [
    *(ROOT / "README.md", ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml", ROOT / "CHANGELOG.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(path for path in (ROOT / "docs/examples").rglob("*") if path.is_file()),
    *sorted((ROOT / ".github").rglob("*.yml")),
    *sorted(path for path in (ROOT / "reconciler").rglob("*") if path.suffix in {".py", ".yml", ".html"}),
]
INSTALLS = re.compile(r"\b(?:pipx? install|pipx run|uv (?:tool|pip) install|uv add|uvx)\b(?P<what>[^`\n]*)")
OURS = re.compile(rf"'?{DISTRIBUTION}(?:\[sandbox\])?(?:=={re.escape(__version__)})?'?")


def installed(path: Path) -> Iterator[str]:
    """What a text says is to be installed, as far as it has our name."""
    for match in INSTALLS.finditer(path.read_text(encoding="utf-8")):
        words = re.sub(r" #.*", "", match["what"]).split()
        yield from (word for word in words if "reconciler" in word and not word.startswith("-"))


def test_the_package_has_its_own_name_and_the_command_its_short_one() -> None:
    assert PROJECT["name"] == DISTRIBUTION == "ivschat-reconciler"
    assert PROJECT["scripts"] == {"reconciler": "reconciler.__main__:main"}
    assert metadata.version(DISTRIBUTION) == __version__
    assert {"sandbox"} <= set(PROJECT["optional-dependencies"])


def test_whatever_says_how_to_install_it_names_the_package() -> None:
    wrong = [(str(path), word) for path in TEXTS for word in installed(path) if not OURS.fullmatch(word)]
    assert wrong == []


def test_the_readme_installs_it_with_pip_pipx_and_uv_and_warns_of_the_other_project() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"pip install", "pipx install", "uv tool install"} <= set(re.findall(r"\b(?:pipx?|uv tool) install\b", text))
    assert len(list(installed(ROOT / "README.md"))) >= 3
    assert f"pip uninstall --yes reconciler {DISTRIBUTION}\n" in text


def test_the_action_installs_what_its_commit_holds() -> None:
    """So its pin is the version, and no index can give another."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert re.findall(r'pip install (?:.*\\\n)*.*"(\$GITHUB_ACTION_PATH)"$', text, re.MULTILINE) == [
        "$GITHUB_ACTION_PATH"
    ]


def test_it_says_on_which_versions_of_python_it_runs() -> None:
    (least,) = re.findall(r"^>=3\.(\d+)$", PROJECT["requires-python"])
    said = re.findall(r"Python :: 3\.(\d+)", "\n".join(PROJECT["classifiers"]))
    assert said == [str(minor) for minor in range(int(least), 15)]
    for workflow, job in (("release.yml", "try"), ("ci.yml", "wheel")):
        text = (ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8")
        tried = re.search(rf"^  {job}:\n(?:(?:    .*)?\n)*?        python: \[(.*)\]$", text, re.MULTILINE)
        assert tried is not None
        assert re.findall(r"'3\.(\d+)'", tried[1]) == said
