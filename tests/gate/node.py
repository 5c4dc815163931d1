"""The gate for Node, laid out as in a Lambda: beside the AWS SDK."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ASK = Path(__file__).parent / "ask.mjs"
NODE = shutil.which("node")
# Read when the tests are collected: a test itself sees no variables of RECONCILER.
NODE_MODULES = Path(os.environ.get("RECONCILER_NODE_MODULES") or ROOT / "node_modules")
PACKAGES = ("client-dynamodb", "client-ivschat", "client-s3")

needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not installed: no `node` on PATH")
needs_sdk = pytest.mark.skipif(
    NODE is None or not all((NODE_MODULES / "@aws-sdk" / name).is_dir() for name in PACKAGES),
    reason="there is no Node.js, or the AWS SDK for JavaScript is not in RECONCILER_NODE_MODULES; install"
    f" {', '.join(f'@aws-sdk/{name}' for name in PACKAGES)} there",
)


def laid_out(folder: Path) -> Path:
    """The gate in a folder of its own, where it finds the SDK if there is one."""
    folder.mkdir()
    if NODE_MODULES.is_dir():
        (folder / "node_modules").symlink_to(NODE_MODULES.resolve())
    return Path(shutil.copy(ROOT / "examples" / "gate.mjs", folder))


def ask(gate: Path, now: float, asked: Sequence[dict[str, Any]]) -> list[list[list[str]]]:
    """What the gates at these locations say to these questions: `check` and `admit` for each."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, ASK, gate],
        input=json.dumps({"now": now, "asked": asked}),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[list[str]]] = json.loads(done.stdout)
    return answers


class Conversation:
    """A process with a gate in it, which is asked one question after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def send(self, word: str, *question: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([word, *question]) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def says(self, word: str, *question: str) -> str:
        self.send(word, *question)
        return str(self.receive()["said"])


@contextmanager
def talking(*command: str | Path) -> Iterator[Conversation]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        yield Conversation(process)
    finally:
        process.kill()
        process.communicate()
