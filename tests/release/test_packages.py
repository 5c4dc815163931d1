"""The packages: what is in them, and that whoever builds them gets the same bytes."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

from reconciler import __version__
from tests.release.conftest import ROOT

WHEEL = f"ivschat_reconciler-{__version__}-py3-none-any.whl"
SDIST = f"ivschat_reconciler-{__version__}.tar.gz"
INFO = f"ivschat_reconciler-{__version__}.dist-info"
MADE_BY_TOOLS = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info", "dist", "build")


def run(*command: str, folder: Path = ROOT, umask: int = 0o022, **variables: str) -> str:
    """What a tool of ours prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=dict(os.environ) | variables, umask=umask,
        check=False, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as `make dist` builds them, the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run("build", "--no-isolation", "--outdir", str(folder))
    assert {path.name for path in folder.iterdir()} == {WHEEL, SDIST}
    return folder


def test_the_packages_are_fit_to_be_published(built: Path) -> None:
    run("check_wheel_contents", str(built / WHEEL))
    run("twine", "check", "--strict", str(built / WHEEL), str(built / SDIST), NO_COLOR="1")


def test_the_wheel_has_what_it_needs_and_nothing_else(built: Path) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "reconciler").rglob("*.py")}
    data = {*("reconciler/py.typed", "reconciler/ci/bans.yml", "reconciler/ci/ban.yml", "reconciler/sandbox/page.html")}
    info = {f"{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    with zipfile.ZipFile(built / WHEEL) as wheel:
        assert set(wheel.namelist()) == modules | data | info
        said = BytesParser().parsebytes(wheel.read(f"{INFO}/METADATA"))
    assert (said["Name"], said["Version"]) == ("ivschat-reconciler", __version__)
    assert "sandbox" in said.get_all("Provides-Extra", [])


def test_the_sdist_has_the_project_and_nothing_that_tools_left_in_it(built: Path) -> None:
    with tarfile.open(built / SDIST) as sdist:
        names = [name.partition("/")[2] for name in sdist.getnames()]
    assert {name.partition("/")[0] for name in names} == {
        *("reconciler", "docs", "examples", "tests", ".ci", ".github", "pyproject.toml", "PKG-INFO", "LICENSE"),
        *("README.md", "CHANGELOG.md", "Makefile", "constraints.txt", "action.yml", "bans.yaml", ".gitignore"),
        ".pre-commit-hooks.yaml",
    }
    assert not [name for name in names if "__pycache__" in name or "node_modules" in name]


def test_another_checkout_gives_the_same_bytes_and_so_does_the_sdist(built: Path, tmp_path: Path) -> None:
    """Elsewhere, by somebody with other settings; and the wheel not from the sdist."""
    other = tmp_path / "a b" / "checkout"
    shutil.copytree(ROOT, other, ignore=shutil.ignore_patterns(*MADE_BY_TOOLS))
    for path in other.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (10**9, 10**9))
    settings = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    for package in ("--wheel", "--sdist"):
        run(
            "build", "--no-isolation", package, "--outdir", str(tmp_path / "dist"),
            folder=other, umask=0o077, **settings,
        )  # fmt: skip
    for name in (WHEEL, SDIST):
        assert (tmp_path / "dist" / name).read_bytes() == (built / name).read_bytes(), name
