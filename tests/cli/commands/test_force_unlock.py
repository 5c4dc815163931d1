"""`reconciler force-unlock`: where there is a lock to break. `tests.cli.test_crashes` breaks one on S3."""

from tests.command_line import Reconciler


def test_a_local_state_has_no_lock_to_break(reconciler: Reconciler) -> None:
    result = reconciler("force-unlock", "some-id")
    assert result.code == 1
    assert "its lock ends with the process that holds it" in result.err
