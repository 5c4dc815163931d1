"""The run that a step belongs to: the CI system that it is on, and the options of `reconciler` in it."""

import os
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

from reconciler.ci.github import Github
from reconciler.ci.gitlab import Gitlab
from reconciler.ci.platform import Platform, StepFailed, setting

__all__ = [
    "FAILURES", "StepFailed", "annotate", "ban_list", "fenced", "list_id", "options", "output", "plain_output",
    "platform", "remember", "run_url", "scratch", "setting", "summarise",
]  # fmt: skip

FAILURES = "failures"
"""What the steps of a run leave: why they failed, a line each."""


def platform() -> Platform:
    """The CI system that runs this step."""
    return Gitlab() if setting("GITLAB_CI") == "true" else Github()


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


def list_id() -> str:
    """A word for the ban list, in names of what is kept apart from that of other lists."""
    return sha256(os.fsencode(os.path.normpath(ban_list()))).hexdigest()[:8]


def scratch(name: str) -> Path:
    """A file that one step of a run leaves for the next; each list has its own."""
    folder = platform().folder / list_id()
    folder.mkdir(exist_ok=True)
    return folder / name


def remember(failure: StepFailed) -> None:
    """Leave for the steps after this one why it failed."""
    with scratch(FAILURES).open("a", encoding="utf-8") as file:
        file.write(f"{failure}\n")


def run_url() -> str:
    """The page of this run."""
    return platform().run_url


def output(**values: object) -> None:
    """Set outputs of the step. The values are our own words and figures, one line each."""
    platform().output(**values)


def summarise(markdown: str) -> None:
    """Add to the page of the run."""
    platform().summarise(markdown)


def annotate(level: str, message: str) -> None:
    """Show a message to whoever looks at the run: an `error`, a `warning` or a `notice`."""
    platform().annotate(level, message)


def plain_output() -> AbstractContextManager[None]:
    """Let the CI system take nothing that is printed meanwhile for a command, whatever a ban list says."""
    return platform().plain_output()


def fenced(text: str) -> str:
    """Text as it is, in a fence that it cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"
