"""The project as a release is made of it, in a folder of its own."""

import shutil
from pathlib import Path

import pytest
import release

ROOT = Path(__file__).parents[2]
FILES = ("CHANGELOG.md", ".ci/release.py", *sorted({pin.path for pin in release.pins(ROOT)}))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files of the project that a release looks at, where version 0.3.1 is about to be released."""
    made = tmp_path / "project"
    for path in FILES:
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, made / path)
    for pin in release.pins(made):
        lines = (made / pin.path).read_text().split("\n")
        lines[pin.line - 1] = lines[pin.line - 1].replace(pin.version, "0.3.1")
        (made / pin.path).write_text("\n".join(lines))
    (made / "CHANGELOG.md").write_text(CHANGELOG)
    return made


CHANGELOG = """\
# Changelog

## [Unreleased]

## [0.3.1] - 2027-02-28

### Fixed

- A ban with `## [0.2.0]` as its reason,
  in one line.
  - A part of it.

### Security

- Another one.

## [0.3.0] - 2027-01-31

- Something older.
"""
