"""The whole story of a ban, with real chat clients in a local sandbox. `make demo` runs it.

Each step has to come true, or the demo fails. All of it happens in a temporary folder and on free ports, so nothing is
left behind, and two demos can run at once. With `--page` the sandbox goes on until Ctrl-C.
"""

import asyncio
import base64
import json
import logging
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TextIO

import aiohttp
import boto3
from botocore.config import Config

from reconciler.cli.console import wants_colour
from reconciler.gate import Banned, Gate
from reconciler.sandbox import Sandbox, SandboxOptions, running

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

LOBBY: Final = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
TOKEN_LIFETIME: Final = 3
SETTLE_AFTER: Final = 4
"""Seconds that have to be more than the life of a token, which is 60 s outside a demo."""

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CLOSE: Final = aiohttp.WSMsgType.CLOSE
PATIENCE: Final = 15
"""Seconds to wait for anything at most."""

LIST: Final = f"""\
version: 1
rooms:
  lobby: {LOBBY}
denylist: {{location: denylist.json, settle_after: {SETTLE_AFTER}}}   # 90 outside a demo
bans: []
"""
REASON: Final = "Harassment"


class NotSo(Exception):
    """A step did not come true."""


class Ended(Exception):
    """A signal ends the demo."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class TokenService:
    """What a platform runs. It asks the gate after it has made a token, and before it hands it out."""

    def __init__(self, url: str, denylist: Path) -> None:
        self._chat: IvschatClient = boto3.client(
            "ivschat", region_name="us-west-2", endpoint_url=url, config=Config(read_timeout=PATIENCE)
        )
        self._gate = Gate(denylist, max_age=0, timeout=PATIENCE)

    async def token(self, user_id: str) -> str:
        """A new token.

        Raises:
            Banned: there is none for this user.
        """
        return await asyncio.to_thread(self._token, user_id)

    def _token(self, user_id: str) -> str:
        made = self._chat.create_chat_token(roomIdentifier=LOBBY, userId=user_id, capabilities=["SEND_MESSAGE"])
        self._gate.admit(user_id, LOBBY)
        return made["token"]

    async def refusal(self, user_id: str) -> str:
        """Why a user gets no token."""
        try:
            await self.token(user_id)
        except Banned as refusal:
            return str(refusal)
        raise NotSo(f"{user_id} got a new token in spite of the ban")


class Client:
    """A user's chat client, as simple as it gets."""

    def __init__(self, user_id: str, session: aiohttp.ClientSession, url: str) -> None:
        self.user_id = user_id
        self._session = session
        self._url = url
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def join(self, token: str) -> None:
        """Join the room that a token is for."""
        try:
            self._socket = await self._session.ws_connect(self._url, protocols=(token,))
        except aiohttp.WSServerHandshakeError as error:
            raise NotSo(f"{self.user_id} could not join: {error.status}") from error

    async def refusal(self, token: str) -> str:
        """Why a token is not accepted."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": token,
        }
        async with self._session.get(self._url, headers=headers) as answer:
            if answer.status != 401:
                raise NotSo(f"{self.user_id} was answered {answer.status} in place of 401")
            return "401, " + (await answer.text()).partition(":")[0].replace("The", "the", 1)

    async def say(self, content: str) -> None:
        """Send a message to the room."""
        assert self._socket is not None
        await self._socket.send_json({"Action": "SEND_MESSAGE", "Content": content})

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message or event, which has to be of this kind."""
        heard = await self._receive(kind)
        if heard.type is not aiohttp.WSMsgType.TEXT:
            raise NotSo(f"{self.user_id} was cut off")
        entity: dict[str, Any] = json.loads(heard.data)
        if kind not in (entity["Type"], entity.get("EventName")):
            raise NotSo(f"{self.user_id} heard {entity} in place of {kind}")
        return entity

    async def _receive(self, wanted: str) -> aiohttp.WSMessage:
        assert self._socket is not None
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._socket.receive()
        except TimeoutError:
            raise NotSo(f"{self.user_id} waited in vain for {wanted}") from None

    async def is_thrown_out(self) -> str:
        """Wait until this user is disconnected; what the client is told."""
        event = await self.hear("aws:DISCONNECT_USER")
        close = await self._receive("a close")
        if event["Attributes"] != {"UserId": self.user_id, "Reason": REASON} or close.type is not CLOSE:
            raise NotSo(f"{self.user_id} was not disconnected, but heard {event}, then {close}")
        return f'{event["EventName"]}, "{event["Attributes"]["Reason"]}"'


class Demo:
    """What the story happens to: a sandbox, a folder with a list, a token service, and a screen."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.bans = folder / "bans.yaml"
        self.service = TokenService(sandbox.url, folder / "denylist.json")
        self._colour = wants_colour(sys.stdout)

    def show(self, *lines: str) -> None:
        """Print lines at once, since commands print to the same place."""
        print("\n".join(lines), flush=True)

    def paint(self, style: int, text: str) -> str:
        """A text in a colour, or bold, where there are colours."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text

    async def chat(self, speaker: Client, content: str, *listeners: Client) -> None:
        """Let somebody say something, and all the others hear it."""
        await speaker.say(content)
        for listener in (speaker, *listeners):
            heard = await listener.hear("MESSAGE")
            if (heard["Sender"]["UserId"], heard["Content"]) != (speaker.user_id, content):
                raise NotSo(f"{listener.user_id} heard {heard}")
        self.show(f"  {self.paint(36, speaker.user_id)}: {content}")

    @asynccontextmanager
    async def command(self, *words: str, stdout: int = asyncio.subprocess.PIPE) -> AsyncIterator[Process]:
        """A command of ours that runs meanwhile, and has to succeed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "reconciler", *words),
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            try:
                yield process
            except NotSo:
                if not process.returncode:  # else why it has failed says more
                    raise
            _, complaints = await process.communicate()
            if process.returncode != 0:
                raise NotSo(f"`reconciler {words[0]}` ended with {process.returncode}:\n{complaints.decode()}")
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def tell(self, *words: str, says: str) -> None:
        """Run a command that has to say this, and show what it says as it looks on this terminal."""
        self.show("", self.paint(1, " ".join(("$ reconciler", *words))))
        reader, writer = os.openpty() if self._colour else os.pipe()
        with open(reader, encoding="utf-8") as screen:
            try:
                async with self.command(*words, stdout=writer):
                    pass
            finally:
                os.close(writer)
            text = "".join(lines_of(screen))
        if says not in text:
            raise NotSo(f"`reconciler {words[0]}` said:\n{text}")
        # That settle_after is short here is said in bans.yaml, and need not be said again.
        parts = [part for part in text.rstrip("\n").split("\n\n") if not part.startswith("With a settle_after of")]
        self.show("\n\n".join(parts))


def lines_of(screen: TextIO) -> Iterator[str]:
    """What has been written to a terminal or a pipe whose other end is closed."""
    with suppress(OSError):  # what a terminal says at its end
        yield from screen


async def hoard(service: TokenService, user_id: str, hand: list[str]) -> None:
    """Get tokens in advance, and keep them."""
    with suppress(Banned):
        while True:
            hand.append(await service.token(user_id))
            await asyncio.sleep(0.2)


async def story(demo: Demo) -> None:
    """Somebody is banned, is thrown out, comes back, and is thrown out for good."""
    service, url = demo.service, demo.sandbox.url
    demo.bans.write_text(LIST, encoding="utf-8")
    async with demo.command("apply", "--auto-approve"):
        pass  # nobody is banned yet, which is what the denylist says now
    async with aiohttp.ClientSession() as session:
        amy, zed = Client("amy", session, url), Client("zed", session, url)
        used = await service.token("zed")
        await amy.join(await service.token("amy"))
        await zed.join(used)
        demo.show(f"A local IVS Chat runs at {url}. Two users are in its lobby:", "")
        await demo.chat(amy, "Hello! Who else is new here?", zed)
        await demo.chat(zed, "Nobody wants you here, amy.", amy)

        hand: list[str] = []
        hoarding = asyncio.create_task(hoard(service, "zed", hand))
        try:
            while len(hand) < 2:
                await asyncio.sleep(0.05)
            demo.show("", "zed gets more tokens, and keeps them unused. A moderator bans zed:")
            await demo.tell("ban", "zed", "--room", "lobby", "--reason", REASON, says="\nPlan: 1 to ban, ")
            demo.show("", "The change is reviewed and merged, and CI applies it:")
            demo.show("", demo.paint(1, "$ reconciler apply --auto-approve"))
            async with demo.command("apply", "--auto-approve") as apply:
                await comes_back(demo, amy, zed, used, hand)
                await settles(demo, amy, zed, apply)
        finally:
            hoarding.cancel()
        await is_out(demo, amy, zed, hand)
    await demo.tell("plan", "--detailed-exitcode", says="No changes. The state matches bans.yaml.\n")


async def comes_back(demo: Demo, amy: Client, zed: Client, used: str, hand: list[str]) -> None:
    """The first kick: whoever has an unused token of before is back."""
    demo.show(f"  zed is disconnected:        {await zed.is_thrown_out()}")
    await amy.hear("aws:DISCONNECT_USER")
    demo.show(f"  zed tries the used token:   {await zed.refusal(used)}")
    await zed.join(hand.pop())
    demo.show("  zed tries an unused one:    welcome")
    await demo.chat(zed, "Back again!", amy)
    demo.show(f"  zed asks for a new token:   the gate says: {await demo.service.refusal('zed')}")


async def settles(demo: Demo, amy: Client, zed: Client, apply: Process) -> None:
    """The second kick, when all tokens of before are used up."""
    demo.show(f"  {SETTLE_AFTER} s after it was published, the ban settles:")
    demo.show(f"  zed is disconnected:        {await zed.is_thrown_out()}")
    await amy.hear("aws:DISCONNECT_USER")
    assert apply.stdout is not None
    said = (await apply.stdout.read()).decode()
    last = said.rstrip("\n").rpartition("\n")[2]
    if last != "Apply complete: 1 banned, 0 updated, 0 lifted, 1 settled.":
        raise NotSo(f"the apply said {said}")
    demo.show("", last)


async def is_out(demo: Demo, amy: Client, zed: Client, hand: list[str]) -> None:
    """Nothing that zed has, or can get, opens the room."""
    demo.show("", "Nothing that zed still has, or can get, opens the room:", "")
    demo.show(f"  zed tries an unused one:    {await zed.refusal(hand.pop())}")
    demo.show(f"  zed asks for a new token:   the gate says: {await demo.service.refusal('zed')}")
    await demo.chat(amy, "Hello again!")
    if demo.sandbox.connected != ((LOBBY, "amy"),):
        raise NotSo(f"connected are {demo.sandbox.connected}")


async def play(demo: Demo) -> None:
    """Leave the sandbox to the reader."""
    reconciler = Path(sys.executable).with_name("reconciler")
    demo.show(
        "",
        f"Play with it, until Ctrl-C: {demo.sandbox.url}/",
        "To change bans.yaml and apply it, in another terminal:",
        "",
        f"  cd {demo.folder}",
        f"  export AWS_ENDPOINT_URL_IVSCHAT={demo.sandbox.url}",
        "  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any",
        f"  {reconciler} apply",
    )
    await asyncio.Event().wait()


class Ending:
    """Lets the first signal end what is under way, so that all is cleaned up. Later ones come to nothing."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._number = 0
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._end)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self.ignore()
        self._number = number
        if self._task is None:
            raise Ended(number)
        self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def ignore(self) -> None:
        """Let what comes now be undisturbed."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def run(self, work: Coroutine[None, None, None], limit: float | None = None) -> None:
        """Work for so many seconds at most.

        Raises:
            Ended: a signal came.
            TimeoutError: it takes longer.
        """

        async def cancellable() -> None:
            self._task = asyncio.current_task()
            try:
                async with asyncio.timeout(limit):
                    await work
            finally:
                self._task = None

        try:
            asyncio.run(cancellable())
        except asyncio.CancelledError:
            raise Ended(self._number) from None


def alone() -> None:
    """Take out of the environment whatever would lead elsewhere than to the sandbox."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "RECONCILER_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"}
    os.environ["COLUMNS"] = str(shutil.get_terminal_size().columns)  # for plans
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    logging.getLogger("reconciler.gate").setLevel(logging.ERROR)  # it warns of a settle_after this short


def in_folder(folder: Path, ending: Ending, page: bool) -> None:
    """Tell the story in this folder; with a page, leave the sandbox to the reader afterwards, until Ctrl-C."""
    options = SandboxOptions(rooms=(LOBBY,), room_names={LOBBY: "lobby"}, token_lifetime=TOKEN_LIFETIME)
    with running(options) as sandbox:
        os.environ["AWS_ENDPOINT_URL_IVSCHAT"] = sandbox.url
        demo = Demo(sandbox, folder)
        ending.run(story(demo), limit=4 * PATIENCE)
        if page:
            try:
                ending.run(play(demo))
            except Ended as ended:
                if ended.number != signal.SIGINT:
                    raise


def main(*arguments: str) -> int:
    """Tell the story; 0 if all of it came true."""
    alone()
    ending = Ending()
    try:
        with TemporaryDirectory(prefix="reconciler-demo-") as folder:
            try:
                in_folder(Path(folder), ending, page="--page" in arguments)
            finally:
                ending.ignore()
    except Ended as ended:
        return 128 + ended.number
    except BrokenPipeError:  # whoever read this has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (NotSo, TimeoutError) as error:
        print(f"\nThe demo failed: {str(error) or 'it takes too long'}", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
