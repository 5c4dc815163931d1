"""git as the steps run it, against servers that no forge would be."""

import pytest

from reconciler.ci import repository
from reconciler.ci.repository import Repository
from reconciler.ci.runner import platform
from tests.aws.servers import behaving, silent
from tests.ci.conftest import Repository as Checkout


@pytest.fixture
def ours(repository: Checkout, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.chdir(repository.clone)
    monkeypatch.delenv("GITLAB_CI", raising=False)
    return Repository(platform())


def test_a_server_that_never_answers_is_given_up(ours: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 60 <= repository.SILENCE <= 300
    monkeypatch.setattr(repository, "SILENCE", 1)
    with behaving(silent) as port:
        remote = f"http://127.0.0.1:{port}/bans.git"
        assert not ours.fetched(remote, "refs/heads/main")
        ours.must("remote", "set-url", "origin", remote)
        assert not ours.push("main")
