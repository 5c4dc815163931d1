"""The CI system that runs a step: where the step finds what it has to know, and where people read what it says."""

import os
import re
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reconciler.ci.comments import Comments
from reconciler.ci.issues import Issues

OUTPUTS = "outputs"
"""The file in `Platform.folder` that holds the outputs of steps, where the CI system has no place for them."""


class StepFailed(Exception):
    """The step cannot go on. The message says why, and what to do; it quotes nothing that others wrote."""


def setting(name: str) -> str:
    """A variable of the environment; empty if it is not set."""
    return os.environ.get(name, "")


@dataclass(frozen=True, slots=True)
class Words:
    """What people call things there, for the sentences of the steps.

    Attributes:
        page: where a summary is: on which page, in which file.
        comment: what shows a plan beside the change.
        not_allowed: why a token may not comment; `{status}` stands for the answer of the API.
        cannot_fetch: what a job needs to fetch the branch.
        check_out: how to plan and apply the branch as it is now.
        let_push: how to let a job push to the branch.
        no_issue: why a token may not open issues; `{status}` stands for the answer of the API.
        issues_are_off: what to do where there are no issues; empty if the API does not tell that.
        notify: where the names of those stand who are mentioned in an issue.
        names: what these are.
    """

    page: str
    comment: str
    not_allowed: str
    cannot_fetch: str
    check_out: str
    let_push: str
    no_issue: str
    issues_are_off: str
    notify: str
    names: str


@dataclass(frozen=True, slots=True)
class Server:
    """The server of the repository, as git talks to it.

    Attributes:
        remote: a remote of the checkout, or an address without credentials.
        url: the address below which the token is sent.
        user: the name that goes with the token.
        token: what signs in; empty without one.
        name: the author of the commits that a job makes.
        email: the address of that author.
        push_options: what the server is told about each push.
    """

    remote: str
    url: str
    user: str
    token: str
    name: str
    email: str
    push_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """The branch that a change is to be merged into.

    Attributes:
        remote: where it is, as in `Server`.
        branch: its name.
    """

    remote: str
    branch: str


class Platform(ABC):
    """A CI system. Everything that it tells a step is in variables of the environment."""

    words: ClassVar[Words]
    problems: ClassVar[str]
    """The format in which `reconciler validate` says in the log what is wrong."""
    mentioned: ClassVar[re.Pattern[str]]
    """Whom an issue can mention: a name without `@`."""

    @property
    @abstractmethod
    def workspace(self) -> str:
        """The folder of the checkout; empty if it is not known."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The folder for what one step of a run leaves for the next; outside of the checkout, and there.

        Raises:
            StepFailed: no such run is going on.
        """

    @property
    @abstractmethod
    def branch(self) -> str | None:
        """The branch that the run is for; None if it is for a proposed change, or a tag."""

    @property
    @abstractmethod
    def change(self) -> int | None:
        """The number of the proposed change that the run is for, if it is for one."""

    @property
    @abstractmethod
    def target(self) -> Target | None:
        """What still has to be merged, so that the checkout is the result of the proposed change; None if nothing."""

    @property
    @abstractmethod
    def server(self) -> Server:
        """The server of the repository."""

    @property
    @abstractmethod
    def run_url(self) -> str:
        """The page of this run."""

    @property
    @abstractmethod
    def run_name(self) -> str:
        """What tells this run from all others, each repetition of it included; for the name of a branch."""

    @abstractmethod
    def comments(self) -> Comments | None:
        """Where the plan of a proposed change is shown; None if the run is to leave it on its page."""

    @abstractmethod
    def issues(self) -> Issues | None:
        """Where an apply that has failed is told of; None if the run is to leave that to its log."""

    @property
    @abstractmethod
    def scheduled(self) -> bool:
        """Whether a schedule has started the run."""

    @property
    @abstractmethod
    def ended(self) -> str:
        """How what is to be told of has ended: `success`, `failure` or `cancelled`; empty if nobody says."""

    @property
    @abstractmethod
    def notify(self) -> str:
        """Whom an issue is to mention, as people have written it."""

    @property
    @abstractmethod
    def planned(self) -> bool:
        """Whether the step that plans has ended well in this run."""

    @property
    @abstractmethod
    def exit_code(self) -> str:
        """The exit code that this step left; empty if it left none."""

    @abstractmethod
    def output(self, **values: object) -> None:
        """Set outputs of the step. The values are our own words and figures, one line each."""

    @abstractmethod
    def summarise(self, markdown: str) -> None:
        """Add to the page of the run."""

    @abstractmethod
    def annotate(self, level: str, message: str) -> None:
        """Show a message to whoever looks at the run: an `error`, a `warning` or a `notice`."""

    @abstractmethod
    def plain_output(self) -> AbstractContextManager[None]:
        """Let nothing that is printed meanwhile be taken for a command, whatever a ban list says."""
