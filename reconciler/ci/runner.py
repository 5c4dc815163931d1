"""What the runner of GitHub Actions gives a step, and what it reads back."""

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Characters: a step may write 1 MiB of summary, and GitHub drops a longer one as a whole.
SUMMARY_LIMIT = 900_000


class StepFailed(Exception):
    """The step cannot go on. The message says why, and what to do; it quotes nothing that others wrote."""


def setting(name: str) -> str:
    """A variable of the environment; empty if it is not set."""
    return os.environ.get(name, "")


def options(*, without: str = "") -> dict[str, str]:
    """The environment for `reconciler`, with the inputs of the action as its options.

    Args:
        without: a variable that this command must not get.
    """
    given = {f"RECONCILER_{name}": setting(f"INPUT_{name}") for name in ("FILE", "STATE")}
    environment = dict(os.environ) | {name: value for name, value in given.items() if value}
    environment.pop(without, None)
    return environment


def ban_list() -> str:
    """The path of the ban list, as `reconciler` is told it."""
    return options().get("RECONCILER_FILE") or "bans.yaml"


def scratch(name: str) -> Path:
    """A file that one step of a run leaves for the next."""
    if not setting("RUNNER_TEMP"):
        raise StepFailed("RUNNER_TEMP is not set. This step runs in a job of GitHub Actions.")
    folder = Path(setting("RUNNER_TEMP")) / "reconciler"
    folder.mkdir(exist_ok=True)
    return folder / name


def pull_request() -> int | None:
    """The number of the pull request that started the run, if one did."""
    path = setting("GITHUB_EVENT_PATH")
    event: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    request = event.get("pull_request")
    return int(request["number"]) if request else None


def run_url() -> str:
    """The page of this run."""
    return f"{setting('GITHUB_SERVER_URL')}/{setting('GITHUB_REPOSITORY')}/actions/runs/{setting('GITHUB_RUN_ID')}"


def output(**values: object) -> None:
    """Set outputs of the step. The values are our own words and figures, one line each."""
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
        for name, value in values.items():
            file.write(f"{name.replace('_', '-')}={value}\n")


def summarise(markdown: str) -> None:
    """Add to the page of the run."""
    path = setting("GITHUB_STEP_SUMMARY")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(markdown[:SUMMARY_LIMIT] + "\n")


def annotate(level: str, message: str) -> None:
    """Show a message on the page of the run: an `error`, a `warning` or a `notice`."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    sys.stdout.write(f"::{level} title=reconciler::{escaped}\n")
    sys.stdout.flush()


@contextmanager
def plain_output() -> Iterator[None]:
    """Let the runner take nothing that is printed meanwhile for a command, whatever a ban list says."""
    word = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{word}\n")
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write(f"\n::{word}::\n")
        sys.stdout.flush()


def fenced(text: str) -> str:
    """Text as it is, in a fence that it cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"
