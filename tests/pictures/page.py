"""The sandbox's page while somebody is banned: a screenshot of Chromium, which says in itself what it shows.

What a picture shows can be told without a browser: the page, and what the sandbox tells it. The PNG has both in it as a
text, so that a picture of another page, or of another story, is noticed.
"""

import asyncio
import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import aiohttp
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from reconciler.sandbox import Sandbox, SandboxOptions, page, running
from tests.pictures.story import LOBBY, NAMES, run
from tests.sandbox.browser import Tab, chromium
from tests.sandbox.test_page import Page

PORT: Final = 8787
"""Where the sandbox of the picture listens, since the page says so."""

FILES: Final = {"light": "sandbox.png", "dark": "sandbox-dark.png"}
"""Where each scheme's picture goes."""

_WIDTH, _HEIGHT, _SHARPNESS = 1232, 640, 1.5
"""Pixels of the window, and how many of the picture's go into one of them: on GitHub, 1.5 make two."""

_PATIENCE: Final = 30.0
"""Seconds to wait for anything at most."""

_BANS: Final = f"""\
version: 1
rooms: {{lobby: {LOBBY}}}
bans:
  - {{user_id: zed, rooms: [lobby], reason: Harassment}}
"""
_KEYWORD: Final = "Shown"
_UNLIKE: Final = ("id", "request_id")
"""What the sandbox makes up anew for each event."""


class Players(Protocol):
    """Users in the lobby."""

    def join(self, user: str) -> None:
        """Join the lobby."""

    def say(self, user: str, content: str) -> None:
        """Write a message."""


class OnSockets:
    """Users with clients of their own, who ask for tokens as the page does."""

    def __init__(self, sandbox: Sandbox, runner: asyncio.Runner, session: aiohttp.ClientSession) -> None:
        self._url, self._runner, self._session = sandbox.url, runner, session
        self._sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}

    def join(self, user: str) -> None:
        self._sockets[user] = self._runner.run(self._join(user))

    async def _join(self, user: str) -> aiohttp.ClientWebSocketResponse:
        asked = {"roomIdentifier": LOBBY, "userId": user, "capabilities": ["SEND_MESSAGE"]}
        scope = "AWS4-HMAC-SHA256 Credential=page/20270101/us-west-2/ivschat/aws4_request"
        headers = {"Authorization": f"{scope}, SignedHeaders=host, Signature=00"}
        async with self._session.post(f"{self._url}/CreateChatToken", json=asked, headers=headers) as answer:
            token = (await answer.json())["token"]
        return await self._session.ws_connect(self._url, protocols=(token,))

    def say(self, user: str, content: str) -> None:
        self._runner.run(self._sockets[user].send_json({"Action": "SEND_MESSAGE", "Content": content}))


class Watching:
    """What the sandbox tells its page."""

    def __init__(self, sandbox: Sandbox, runner: asyncio.Runner, session: aiohttp.ClientSession) -> None:
        self._runner = runner
        self._socket = runner.run(session.ws_connect(f"{sandbox.url}/_sandbox/events"))
        self.events: list[Mapping[str, Any]] = []
        self.overview: Mapping[str, Any] = {}
        self._passed = 0

    def until(self, **wanted: str) -> None:
        """Wait until something like this happens, after what was waited for before."""

        def happens() -> bool:
            while self._passed < len(self.events):
                event = self.events[self._passed]
                self._passed += 1
                if all(event.get(key) == value for key, value in wanted.items()):
                    return True
            return False

        self._runner.run(self._until(happens))

    def until_connected(self, users: int) -> None:
        """Wait until so many are connected."""
        self._runner.run(self._until(lambda: self.overview.get("connections") == users))

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not true():
                told = await self._socket.receive_json()
                self.events += [{key: one[key] for key in one if key not in _UNLIKE} for one in told["events"]]
                self.overview = told.get("overview", self.overview)


def _story(sandbox: Sandbox, players: Players, watching: Watching) -> None:
    """Two users chat, and one of them is banned."""
    for user in ("amy", "zed"):
        players.join(user)
        watching.until(kind="joined", user=user)
    for user, content in (("amy", "Hello! Who else is new here?"), ("zed", "Nobody wants you here, amy.")):
        players.say(user, content)
        watching.until(kind="message", user=user)
    with TemporaryDirectory(prefix="reconciler-pictures-") as folder:
        (Path(folder) / "bans.yaml").write_text(_BANS, encoding="utf-8")
        run(Path(folder), "reconciler", "apply", "--auto-approve", AWS_ENDPOINT_URL_IVSCHAT=sandbox.url)
    watching.until(kind="left", user="zed")
    players.say("amy", "Thank you!")
    watching.until(kind="message", user="amy")
    watching.until_connected(1)


def _shown(watching: Watching) -> str:
    """What a picture shows, as JSON."""
    told = {"events": watching.events, "overview": watching.overview}
    return json.dumps({"page.html": sha256(page.html()).hexdigest(), **told})


@contextmanager
def _sandbox(port: int) -> Iterator[tuple[Sandbox, asyncio.Runner, aiohttp.ClientSession, Watching]]:
    options = SandboxOptions(port=port, rooms=tuple(NAMES), room_names=NAMES)
    with running(options) as sandbox, asyncio.Runner() as runner:
        session = runner.run(_session())
        try:
            yield sandbox, runner, session, Watching(sandbox, runner, session)
        finally:
            runner.run(session.close())


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


def shown() -> str:
    """What a picture would show that were made now, as JSON. Needs no browser."""
    with _sandbox(0) as (sandbox, runner, session, watching):
        _story(sandbox, OnSockets(sandbox, runner, session), watching)
        return _shown(watching)


def shown_in(picture: Path) -> object:
    """What a picture shows, as it says itself; None if there is no such picture, or it does not say it."""
    if not picture.exists():
        return None
    with Image.open(picture) as image:
        return image.info.get(_KEYWORD)


def pictures() -> Mapping[str, bytes]:
    """The page in light and dark, by scheme, as PNG. Needs Chromium."""
    with (
        TemporaryDirectory(prefix="reconciler-pictures-", ignore_cleanup_errors=True) as folder,
        chromium(Path(folder) / "profile") as browser,
        _sandbox(PORT) as (sandbox, _, _, watching),
        closing(browser.tab(f"{sandbox.url}/", width=_WIDTH, height=_HEIGHT)) as tab,
    ):
        metrics = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": _SHARPNESS, "mobile": False}
        tab.ask("Emulation.setDeviceMetricsOverride", metrics)
        tab.ask("Emulation.setScrollbarsHidden", {"hidden": True})
        on_page = Page(tab)
        on_page.shows("2 rooms, 0 connections")
        _story(sandbox, on_page, watching)
        on_page.state("zed", "Kicked")
        on_page.hears("amy", "amy: Thank you!")
        on_page.happens("amy in lobby: Thank you!")
        tab.run("document.activeElement.blur()")
        return {scheme: _picture(tab, scheme, _shown(watching)) for scheme in FILES}


def _picture(tab: Tab, scheme: str, shown: str) -> bytes:
    """A PNG of a tab, which says in itself what it shows."""
    tab.ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    taken = base64.b64decode(tab.ask("Page.captureScreenshot", {"captureBeyondViewport": True})["data"])
    says, png = PngInfo(), io.BytesIO()
    says.add_text(_KEYWORD, shown)
    with Image.open(io.BytesIO(taken)) as image:
        few = image.convert("RGB").quantize(256, kmeans=1, dither=Image.Dither.NONE)  # a third of the bytes
        few.save(png, "PNG", optimize=True, pnginfo=says)
    return png.getvalue()
