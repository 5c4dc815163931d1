"""The three commands for any other CI system, as docs/ci.md has them."""

import os
import re
import subprocess
import sys
from pathlib import Path

from reconciler.sandbox import SandboxOptions, running
from tests.ci.conftest import FINALS, GIT, LOBBY, ROOT, Repository, banning

PLAN, APPLY, KEEP = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/ci.md").read_text(), re.MULTILINE | re.DOTALL)[:3]


def test_three_commands_plan_and_apply_and_keep(repository: Repository, tmp_path: Path) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0)) as sandbox:
        environment = dict(os.environ) | GIT | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "any will do",
            "AWS_ENDPOINT_URL_IVSCHAT": sandbox.url,
        }  # fmt: skip
        for _ in range(2):
            done = subprocess.run(
                ["sh", "-ec", PLAN + APPLY + KEEP], cwd=repository.clone, env=environment,
                check=False, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        calls = len(sandbox.requests)
    assert calls == 1
    assert repository.commits() == ["Record what was applied", "Change main", "Begin"]
    assert repository.changed() == ["bans.state.json"]
    assert '"zed"' in repository.read("bans.state.json")
