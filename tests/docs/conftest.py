import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import SandboxOptions, running

from .world import FINALS, LOBBY, World


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A folder of its own, with a chat in place of Amazon's in which the rooms of the README's list exist."""
    if sys.platform == "win32":
        pytest.skip("the commands of the pages are for a shell of Linux or macOS")
    options = SandboxOptions(rooms=(LOBBY, FINALS), room_names={LOBBY: "Main-stage"}, quota=0, room_quota=0)
    with running(options) as sandbox:
        yield World(tmp_path, sandbox, lambda: str(request.getfixturevalue("s3_server")))
