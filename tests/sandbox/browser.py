"""A real Chromium without a window, driven over its DevTools protocol."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, (os.environ.get("RECONCILER_CHROMIUM") or "chromium", "google-chrome", "chrome"))),
    None,
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium on PATH: install it, or set RECONCILER_CHROMIUM to its path"
)

PATIENCE = 30.0

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # of Chromium: it wants a kernel that lets it, and a container's does not
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP sandbox 127.0.0.1",  # a name as containers have them
    "--remote-debugging-port=0",
)

_KEYS: Mapping[str, Mapping[str, object]] = {
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    " ": {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


class Browser:
    """A browser that has been started. `tab` opens pages in it."""

    def __init__(self, address: str) -> None:
        self._runner = asyncio.Runner()
        self._session, self._socket = self._runner.run(self._connect(address))
        self._answers: dict[int, Any] = {}
        self._tabs: dict[str, Tab] = {}
        self._last = 0

    async def _connect(self, address: str) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
        session = aiohttp.ClientSession()
        return session, await session.ws_connect(address, max_msg_size=0)

    def tab(self, url: str, *, width: int = 1280, height: int = 900) -> "Tab":
        """A page of its own, as soon as it has loaded."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.ask(f"{domain}.enable")
        tab.ask(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        tab.go(url)
        return tab

    def ask(self, method: str, params: Mapping[str, object] | None = None, session: str | None = None) -> Any:
        """The answer to a command."""
        self._last += 1
        number = self._last
        command = {"id": number, "method": method, "params": params or {}}
        return self._runner.run(self._ask(command if session is None else command | {"sessionId": session}))

    async def _ask(self, command: Mapping[str, Any]) -> Any:
        async with asyncio.timeout(PATIENCE):
            await self._socket.send_json(command)
            while True:
                said = json.loads(await self._socket.receive_str())
                if said.get("id") == command["id"]:
                    assert "error" not in said, (command, said["error"])
                    return said["result"]
                if said.get("sessionId") in self._tabs:
                    self._tabs[said["sessionId"]].hear(said["method"], said["params"])

    def close(self) -> None:
        async def close() -> None:
            await self._socket.close()
            await self._session.close()

        self._runner.run(close())
        self._runner.close()


class Tab:
    """A page.

    Attributes:
        requested: the address of every request that it made, or tried to make.
        complaints: what the console says: errors, exceptions, what the policy forbids.
        dialogs: what it said in alerts.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []

    def ask(self, method: str, params: Mapping[str, object] | None = None) -> Any:
        return self._browser.ask(method, params, self._session)

    def hear(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requested.append(params["url"])
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(params["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Page.javascriptDialogOpening":
                self.dialogs.append(params["message"])

    def go(self, url: str) -> None:
        """Open an address, and wait until it has loaded."""
        self.ask("Page.navigate", {"url": url})
        self.wait(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression, or what it promises."""
        given = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.ask("Runtime.evaluate", given)
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """The value of an expression, once it is true."""
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            if value := self.run(script):
                return value
            time.sleep(0.02)
        raise AssertionError(f"never true: {script}\n{self.run('document.body.innerText')}")

    def close(self) -> None:
        """Close it, and with it whatever it has open."""
        self.ask("Page.close")

    def hears(self, what: Literal["complaints", "dialogs"]) -> None:
        """Wait until there is one more of these."""
        last = time.monotonic() + PATIENCE
        while not getattr(self, what):
            assert time.monotonic() < last, f"no {what}"
            self.run("0")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key and let it go."""
        for what in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", {"type": what, "modifiers": 8 if shift else 0, **_KEYS[key]})

    def type(self, text: str) -> None:
        """Write where the focus is."""
        self.ask("Input.insertText", {"text": text})


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A Chromium whose profile is in this folder, which does not exist."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            browser = Browser(_address(folder / "DevToolsActivePort", process.poll))
            try:
                yield browser
            finally:
                browser.close()
        finally:
            process.terminate()


def _address(file: Path, exit_code: Callable[[], int | None]) -> str:
    """Where it listens, once it says so."""
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last and exit_code() is None:
        if file.exists() and (lines := file.read_text().splitlines())[1:]:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.02)
    raise AssertionError(f"Chromium does not start: {exit_code()}")
