import pytest

from tests.command_line import KEY


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that `--redact` needs."""
    monkeypatch.setenv("RECONCILER_REDACT_KEY", KEY)
