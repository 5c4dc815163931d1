"""The checkout of a run, and the server that it came from."""

import base64
import os
import subprocess

from reconciler.ci.platform import Platform, Server, StepFailed

SILENCE = 120
"""Seconds after which a server that sends nothing is given up; git itself would wait for as long as the job may run."""


class Repository:
    """Runs git in the current folder.

    Args:
        platform: the CI system, which knows the server and who commits.
    """

    def __init__(self, platform: Platform) -> None:
        self._server: Server = platform.server
        self._cannot_fetch = platform.words.cannot_fetch

    def must(self, *arguments: str) -> str:
        """What git prints.

        Raises:
            StepFailed: git failed.
        """
        done = self.git(*arguments)
        if done.returncode:
            raise StepFailed(f"git {arguments[0]} failed. The log says why.")
        return done.stdout.strip()

    def differs(self, path: str, before: str, after: str) -> bool:
        """Whether a file differs between two commits."""
        return self.git("diff", "--quiet", before, after, "--", path).returncode != 0

    def fetch(self, branch: str) -> None:
        """Fetch a branch, as FETCH_HEAD.

        Raises:
            StepFailed: the server does not give it.
        """
        if not self.fetched(self._server.remote, f"refs/heads/{branch}"):
            raise StepFailed(f"The branch cannot be fetched: {self._cannot_fetch}.")

    def fetched(self, remote: str, ref: str, *options: str) -> bool:
        """Whether a server gives a ref; it is then FETCH_HEAD."""
        return self.git("fetch", "--quiet", "--no-tags", *options, remote, ref, signed_in=True).returncode == 0

    def push(self, branch: str, *, replacing: str | None = None) -> bool:
        """Whether a branch takes the commit that is checked out.

        Args:
            branch: its name.
            replacing: the commit that the branch has now, if the new one is to take its place.
        """
        lease = [f"--force-with-lease=refs/heads/{branch}:{replacing}"] if replacing else []
        options = lease + [f"--push-option={option}" for option in self._server.push_options]
        pushed = self.git("push", "--quiet", *options, self._server.remote, f"HEAD:refs/heads/{branch}", signed_in=True)
        return pushed.returncode == 0

    def git(self, *arguments: str, signed_in: bool = False) -> subprocess.CompletedProcess[str]:
        """Run git.

        Args:
            arguments: the command, with its arguments.
            signed_in: whether it talks to the server, and so needs the token.
        """
        environment = {
            "GIT_AUTHOR_NAME": self._server.name,
            "GIT_AUTHOR_EMAIL": self._server.email,
            "GIT_COMMITTER_NAME": self._server.name,
            "GIT_COMMITTER_EMAIL": self._server.email,
            "GIT_TERMINAL_PROMPT": "0",
        } | os.environ
        # In a container the checkout may belong to another user, and git would refuse to work in it.
        configuration = {"safe.directory": "*"}
        if signed_in:
            configuration |= {"http.lowSpeedLimit": "1", "http.lowSpeedTime": str(SILENCE)} | self._sign_in()
        begun = int(environment.get("GIT_CONFIG_COUNT") or 0)
        for number, (name, value) in enumerate(configuration.items(), begun):
            environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        environment["GIT_CONFIG_COUNT"] = str(begun + len(configuration))
        return subprocess.run(
            ["git", *arguments], stdout=subprocess.PIPE, check=False, encoding="utf-8", env=environment
        )

    def _sign_in(self) -> dict[str, str]:
        """The token, for one command and never on disk; nothing where the checkout has left a token of its own."""
        name = f"http.{self._server.url}/.extraheader"
        if not self._server.token or self.git("config", "--get-all", name).returncode == 0:
            return {}
        basic = base64.b64encode(f"{self._server.user}:{self._server.token}".encode()).decode()
        return {name: f"AUTHORIZATION: basic {basic}"}
