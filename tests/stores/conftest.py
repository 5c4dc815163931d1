from pathlib import Path

import pytest

from tests.stores.builders import warned


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a state can be written; nothing has been warned of yet."""
    warned.clear()
    return tmp_path / "bans.state.json"
