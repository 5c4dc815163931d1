"""An AWS by moto in a process of its own, so that whoever is killed or measured does not take it along."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BUCKET = "moderation"
"""The one that tests make."""

_SERVER = (
    "import logging, sys, threading; from moto.server import ThreadedMotoServer\n"
    "logging.getLogger('werkzeug').disabled = True\n"
    "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False); server.start()\n"
    "print(server.get_host_and_port()[1], flush=True); sys.stdin.read()\n"
)


@contextmanager
def moto_server() -> Iterator[str]:
    """Its URL."""
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()
