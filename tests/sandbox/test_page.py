"""The sandbox's page, in a real Chromium."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running

from .browser import Browser, Tab, chromium, needs_chromium
from .builders import FINALS, LOBBY, connect
from .test_websocket import token

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

NAMES = {LOBBY: "lobby", FINALS: "finals"}
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_is_told_to_let_the_page_do_nothing_but_talk_to_the_sandbox(sandbox: Sandbox, method: str) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.request(method, "/")
        response = connection.getresponse()
        body = response.read()
        headers = response.headers
    assert response.status == 200
    assert body.startswith(b"<!doctype html>") is (method == "GET")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(rule.partition(" ")[::2] for rule in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("script-src").startswith("'sha256-")
    assert policy.pop("style-src").startswith("'sha256-")
    assert policy == {
        "default-src": "'none'",
        "img-src": "data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert sandbox.requests == ()


@pytest.mark.parametrize("path", ["/", "/_sandbox/health", "/tags/x", "/nothing"])
def test_no_answer_can_be_a_script_or_a_picture_of_another_page(sandbox: Sandbox, path: str) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "mode", "dest", "status"),
    [
        ("/", "navigate", "document", 200),
        ("/", "navigate", "iframe", 403),
        ("/", "no-cors", "script", 403),
        ("/_sandbox/health", "navigate", "document", 403),
        ("/_sandbox/health", "no-cors", "image", 403),
    ],
)
def test_another_page_may_link_to_the_page_and_nothing_else(
    sandbox: Sandbox, path: str, mode: str, dest: str, status: int
) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
        connection.request("GET", path, headers=headers)
        assert connection.getresponse().status == status


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as started:
        yield started


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    options = SandboxOptions(rooms=(LOBBY, FINALS), room_names=NAMES, quota=0, room_quota=0)
    with running(options) as sandbox:
        yield sandbox


def opened(browser: Browser, sandbox: Sandbox, *, width: int = 1280) -> "Page":
    page = Page(browser.tab(f"{sandbox.url}/", width=width))
    page.tab.wait("document.querySelectorAll('#rooms > li').length")
    return page


@pytest.fixture
def page(browser: Browser, sandbox: Sandbox) -> Iterator["Page"]:
    """The page, which must not complain but of what a test expects, say anything, or ask anybody but the sandbox."""
    page = opened(browser, sandbox)
    yield page
    page.tab.run("0")  # so that we hear what it did
    assert (page.tab.complaints, page.tab.dialogs) == ([], [])
    own = tuple(scheme + sandbox.url.removeprefix("http") + "/" for scheme in ("http", "ws"))
    assert {url for url in page.tab.requested if not url.startswith(own)} <= {"data:,"}
    page.tab.close()


def reset(sandbox: Sandbox) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.request("POST", "/_sandbox/reset")
        assert connection.getresponse().status == 204


class Page:
    """What somebody does on the page."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def fill(self, user: str, *may: str) -> None:
        """Fill in the form."""
        self.tab.run(
            f"""document.getElementById('user').value = {json.dumps(user)};
            for (const box of document.querySelectorAll('[name=may]'))
              box.checked = {json.dumps(may)}.includes(box.value)"""
        )

    def join(self, user: str, *may: str) -> None:
        """Join the first room, and wait until that is done."""
        before = self.tab.run("document.querySelectorAll('article').length")
        self.fill(user, *(may or ("SEND_MESSAGE",)))
        self.press("Join")
        self.tab.wait(f"document.querySelectorAll('article').length === {before + 1}")
        self.state(user, "Connected")

    def press(self, label: str) -> None:
        """Press a button, by its name for people who cannot see it, as soon as it is there."""
        self.tab.wait(
            f"""(() => {{
              const button = [...document.querySelectorAll('button')].find((one) => one.checkVisibility()
                && (one.ariaLabel || one.textContent) === {json.dumps(label)});
              button?.click();
              return button !== undefined;
            }})()"""
        )

    def card(self, user: str) -> str:
        """A script for the client of a user: the newest, if there are several."""
        return (
            "[...document.querySelectorAll('article')]"
            f".find((one) => one.querySelector('h3 bdi').textContent === {json.dumps(user)})"
        )

    def state(self, user: str, words: str) -> None:
        """Wait until a user's client is in this state."""
        self.tab.wait(f"{self.card(user)}?.querySelector('[role=status]').textContent === {json.dumps(words)}")

    def say(self, user: str, content: str) -> None:
        self.tab.run(
            f"""{self.card(user)}.querySelector('input').value = {json.dumps(content)};
            {self.card(user)}.querySelector('form').requestSubmit()"""
        )

    def hears(self, user: str, line: str) -> None:
        """Wait until a user's client shows a line."""
        lines = f"[...{self.card(user)}.querySelectorAll('li')]"
        self.tab.wait(f"{lines}.some((one) => one.textContent.startsWith({json.dumps(line)}))")

    def happens(self, line: str) -> None:
        """Wait until the page says that something happened."""
        self.tab.wait(
            "[...document.querySelectorAll('#happened > li')]"
            f".some((one) => one.lastChild.textContent.startsWith({json.dumps(line)}))"
        )

    def complains(self, text: str) -> None:
        """Make sure that the console has one complaint, with this text in it, and expect it."""
        self.tab.hears("complaints")
        assert text in self.tab.complaints.pop()

    def shows(self, text: str) -> None:
        """Wait until the page shows a text somewhere."""
        self.tab.wait(f"document.body.innerText.includes({json.dumps(text)})")

    def tab_to(self, label: str, *, shift: bool = False) -> None:
        """Press Tab until the element with this label has the focus."""
        name = (
            "((one) => one.ariaLabel || one.labels?.[0]?.textContent.trim() || one.innerText)(document.activeElement)"
        )
        passed = []
        for _ in range(60):
            self.tab.press("Tab", shift=shift)
            passed.append(self.tab.run(name)[:50])
            if passed[-1].startswith(label):
                return
        raise AssertionError(f"Tab does not lead to {label}, but to {passed}")


@needs_chromium
def test_two_users_chat_and_the_one_who_is_kicked_sees_it_and_the_other_stays(page: Page, sandbox: Sandbox) -> None:
    page.join("zed")
    page.join("amy")
    page.say("zed", "hi amy")
    page.hears("amy", "zed: hi amy")
    page.happens("zed in lobby: hi amy")
    page.press("Kick zed from lobby")
    page.state("zed", "Kicked")
    page.hears("amy", "zed was kicked.")
    page.say("amy", "bye")
    page.hears("amy", "amy: bye")
    page.happens("DisconnectUser in lobby, zed → 200")
    page.happens("zed left lobby")
    page.shows("2 rooms, 1 connection")
    assert sandbox.connected == ((LOBBY, "amy"),)
    assert sandbox.disconnected == ((LOBBY, "zed"),)


@needs_chromium
def test_somebody_with_a_token_in_hand_comes_back_after_a_kick(page: Page, sandbox: Sandbox) -> None:
    page.join("zed")
    page.press("Get a token for later")
    page.shows("zed in lobby")
    page.shows(" s left")
    page.press("Kick")
    page.state("zed", "Kicked")
    calls = len(sandbox.requests)
    page.press("Join again as zed")
    page.state("zed", "Connected")
    assert len(sandbox.requests) == calls  # it did not take another token
    assert page.tab.run("document.getElementById('tokens-box').hidden")


@needs_chromium
def test_a_token_from_elsewhere_opens_a_room_once(page: Page, chat: "IvschatClient") -> None:
    made = token(chat, "zed", "SEND_MESSAGE")
    page.tab.run("document.querySelector('details').open = true")
    for state in ("Connected", "Refused: the token is used, expired or unknown, or its room is gone"):
        page.tab.run(f"document.getElementById('token').value = {json.dumps(made)}")
        page.press("Join with it")
        page.tab.wait(f"document.querySelector('article [role=status]')?.textContent === {json.dumps(state)}")
    page.happens("A client was refused (401): The chat token has been used")
    page.happens("zed joined lobby")
    page.complains("failed: HTTP Authentication failed")


@needs_chromium
def test_what_is_no_token_is_said_to_be_none(page: Page) -> None:
    page.tab.run("document.querySelector('details').open = true")
    page.tab.run("document.getElementById('token').value = 'no token at all'")
    page.press("Join with it")
    page.shows("That is no chat token.")


@needs_chromium
def test_what_users_wrote_is_text_and_nothing_of_it_runs(page: Page, chat: "IvschatClient") -> None:
    page.join(MARKUP)
    page.say(MARKUP, f"{MARKUP}<script>alert(2)</script>")
    page.hears(MARKUP, f"{MARKUP}: {MARKUP}<script>alert(2)</script>")
    page.happens(f"{MARKUP} in lobby: {MARKUP}<script>alert(2)</script>")
    chat.update_room(identifier=LOBBY, name="no_markup")
    chat.send_event(roomIdentifier=LOBBY, eventName=MARKUP, attributes={MARKUP: MARKUP})
    page.happens(f"event {MARKUP} in no_markup")
    page.press(f"Kick {MARKUP} from lobby")
    page.state(MARKUP, "Kicked")
    assert page.tab.run("document.querySelectorAll('img, article script, main script').length") == 0


@needs_chromium
def test_the_browser_would_not_make_markup_of_text_even_if_the_page_asked_it_to(page: Page) -> None:
    asked = (
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'made' } catch (error) { return error.name } })()"
    )
    assert page.tab.run(asked) == "TypeError"
    page.complains("TrustedHTML")


@needs_chromium
def test_signs_that_turn_or_hide_text_are_shown_as_their_number(page: Page) -> None:
    page.fill("zed\u202e\u200b", "SEND_MESSAGE")
    page.press("Join")
    shown = "zed\\u{202e}\\u{200b}"
    page.state(shown, "Connected")
    page.say(shown, "a\u202eb 👩\u200d👧")
    page.hears(shown, f"{shown}: a\\u{{202e}}b 👩\u200d👧")


@needs_chromium
def test_a_moderator_deletes_a_message_and_kicks_over_the_chat(page: Page, sandbox: Sandbox) -> None:
    page.join("zed")
    page.join("mod", "SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER")
    page.say("zed", "spam")
    page.press("Delete this message of zed")
    page.hears("zed", "A message was deleted.")
    assert page.tab.run(f"{page.card('zed')}.querySelectorAll('.deleted').length") == 1
    page.press("Kick zed as mod")
    page.state("zed", "Kicked")
    assert [request.operation for request in sandbox.requests] == ["CreateChatToken"] * 2
    reset(sandbox)
    page.state("mod", "Disconnected (close code 1000)")  # and not kicked, as zed was last
    page.tab.wait(f"{page.card('mod')}.innerText.includes('Join again')")


@needs_chromium
def test_a_user_who_may_not_is_told(page: Page) -> None:
    page.join("zed", "DELETE_MESSAGE")
    page.say("zed", "hi")
    page.hears("zed", "Error 403: The chat token does not have the capability SEND_MESSAGE")
    page.happens("zed in lobby got error 403")


@needs_chromium
def test_a_call_that_fails_is_told(page: Page, sandbox: Sandbox) -> None:
    page.fill("zed")
    sandbox.fault_next("503")
    page.press("Kick")
    page.shows("DisconnectUser was answered 503 ServiceUnavailable: Service unavailable")
    page.happens("DisconnectUser in lobby, zed → 503 ServiceUnavailable")
    page.complains("503")


@needs_chromium
def test_everything_can_be_done_with_the_keyboard(page: Page, sandbox: Sandbox) -> None:
    page.tab_to("Room")
    page.tab_to("User ID")
    page.tab.type("zed")
    page.tab_to("disconnecting users")
    page.tab.press(" ")
    page.tab_to("Join")
    page.tab.press("Enter")
    page.state("zed", "Connected")
    page.tab.type("hello")  # the focus is in the field for messages
    page.tab.press("Enter")
    page.hears("zed", "zed: hello")
    page.tab_to("Kick zed from lobby", shift=True)
    page.tab.press("Enter")
    page.state("zed", "Kicked")
    page.tab_to("Join again as zed")
    page.tab.press("Enter")
    page.state("zed", "Connected")
    page.tab_to("Leave as zed")
    page.tab.press("Enter")
    page.state("zed", "Left")
    assert page.tab.run("document.activeElement.ariaLabel") == "Join again as zed"
    page.tab_to("Pause")
    assert sandbox.connected == ()


@needs_chromium
def test_everything_that_one_can_use_has_a_name(page: Page) -> None:
    page.join("zed", "SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER")
    page.say("zed", "hi")
    page.hears("zed", "zed: hi")
    page.press("Get a token for later")
    page.shows("Tokens in hand")
    tree = page.tab.ask("Accessibility.getFullAXTree")["nodes"]
    used = {"button", "textbox", "searchbox", "checkbox", "combobox", "log", "region"}
    found = [
        (node["role"]["value"], node["name"]["value"]) for node in tree if node.get("role", {}).get("value") in used
    ]
    assert {role for role, _ in found} == used
    assert [role for role, name in found if not name.strip()] == []


@needs_chromium
def test_the_page_goes_on_after_a_reset(page: Page, sandbox: Sandbox) -> None:
    page.join("zed")
    reset(sandbox)
    page.state("zed", "Disconnected (close code 1000)")
    page.happens("The sandbox was reset.")
    page.shows("2 rooms, 0 connections")
    page.press("Join again as zed")
    page.state("zed", "Connected")


@needs_chromium
def test_the_page_says_that_the_sandbox_has_gone_and_finds_it_again(browser: Browser) -> None:
    with running(SandboxOptions(rooms=(LOBBY,))) as sandbox:
        page = opened(browser, sandbox)
        port = int(sandbox.url.rpartition(":")[2])
    page.shows("The sandbox has gone. Trying to reach it again…")
    with running(SandboxOptions(port=port, rooms=(LOBBY, FINALS))):
        page.shows("2 rooms, 0 connections")
        page.shows(f"Connected to 127.0.0.1:{port}")
    page.tab.close()


@needs_chromium
def test_of_many_rooms_and_users_the_page_shows_some_and_finds_any(browser: Browser) -> None:
    with running(SandboxOptions(more_rooms=20_000)) as sandbox:
        page = opened(browser, sandbox)
        page.shows("20,000 rooms, 0 connections")
        page.shows("and 19,950 more rooms: find one by its name, its ARN or a user.")
        assert page.tab.run("document.querySelectorAll('#rooms > li, option').length") == 100
        page.tab.run("document.getElementById('search').focus()")
        page.tab.type("room-19999")
        page.tab.wait("document.querySelectorAll('#rooms > li').length === 1")
        page.tab.run("document.getElementById('room').selectedIndex = 1")
        page.join("zed")
        assert sandbox.connected == ((sandbox.rooms[19_998], "zed"),)
        page.tab.close()


@needs_chromium
def test_the_page_keeps_so_many_lines_and_no_more(page: Page, sandbox: Sandbox) -> None:
    page.tab.run(
        """(async () => {
          const room = document.getElementById('room').value;
          for (let i = 0; i < 400; i += 1) await call('DisconnectUser', room, { userId: `u${i}` });
        })()"""
    )
    page.happens("DisconnectUser in lobby, u399 → 200")
    assert page.tab.run("document.querySelectorAll('#happened > li').length") == 300
    assert len(sandbox.disconnected) == 400


@needs_chromium
def test_what_happens_can_be_paused_and_chosen(page: Page, chat: "IvschatClient") -> None:
    page.press("Pause")
    chat.send_event(roomIdentifier=LOBBY, eventName="unseen")
    chat.update_room(identifier=LOBBY, name="hall")
    page.shows("hall")  # which comes after it
    page.press("Go on")
    chat.send_event(roomIdentifier=LOBBY, eventName="seen")
    page.happens("event seen in hall")
    assert "event unseen" not in page.tab.run("document.getElementById('happened').textContent")
    assert "more are not shown." in page.tab.run("document.getElementById('happened').textContent")
    page.tab.run("document.getElementById('show-message').click()")
    assert "event seen" not in page.tab.run("document.getElementById('happened').innerText")


@needs_chromium
def test_it_fits_a_phone(browser: Browser, sandbox: Sandbox) -> None:
    page = opened(browser, sandbox, width=360)
    page.join("W" * 128)
    page.say("W" * 128, "W" * 500)
    page.hears("W" * 128, "W" * 128 + ": " + "W" * 500)
    page.press("Get a token for later")
    page.shows("s left")
    assert page.tab.run("document.documentElement.scrollWidth") == 360
    page.tab.close()


@needs_chromium
def test_it_works_under_another_name_if_that_is_allowed(browser: Browser) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), allow_hosts=("sandbox",))) as sandbox:
        page = Page(browser.tab(sandbox.url.replace("127.0.0.1", "sandbox") + "/"))
        page.shows("1 room, 0 connections")
        page.join("zed")
        page.press("Kick")
        page.state("zed", "Kicked")
        page.tab.close()


class Elsewhere(BaseHTTPRequestHandler):
    """Serves one page, of another site."""

    html = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.html)

    def log_message(self, format: str, *args: object) -> None: ...


@contextlib.contextmanager
def elsewhere(html: str) -> Iterator[int]:
    """A server of that page; its port."""
    handler = type("Handler", (Elsewhere,), {"html": html.encode()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


ATTACK = Path(__file__).with_name("elsewhere.html")


@needs_chromium
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("127.0.0.1", "127.0.0.1"),  # of the same site, but for the port
        ("localhost", "127.0.0.1"),
        ("localhost", "sandbox"),  # to which browsers do not send Sec-Fetch-Site
    ],
)
def test_another_page_reads_nothing_and_commands_nothing(browser: Browser, theirs: str, ours: str) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), room_names=NAMES, allow_hosts=("sandbox",))) as sandbox:
        page = opened(browser, sandbox)
        page.join("zed")
        sandbox.add_room(FINALS)  # which a reset would take away
        before = sandbox.requests
        with elsewhere(ATTACK.read_text()) as port:
            given = quote(json.dumps([sandbox.url.replace("127.0.0.1", ours), LOBBY]))
            attack = browser.tab(f"http://{theirs}:{port}/#{given}")
            got = attack.wait("window.got")
            attack.close()
        opaque = {got.pop("opaque"), got.pop("reset")}  # which tells a page nothing, not even the status
        assert opaque <= {"opaque", "refused"}
        assert (set(got.values()), len(got)) == ({"refused"}, 10), got
        assert (sandbox.requests, sandbox.disconnected, len(sandbox.rooms)) == (before, (), 2)
        page.say("zed", "still here")
        page.hears("zed", "zed: still here")
        page.tab.close()


@needs_chromium
def test_another_page_cannot_frame_the_page(browser: Browser, sandbox: Sandbox) -> None:
    framing = f'<link rel="icon" href="data:,"><iframe src="{sandbox.url}/" onload="window.got = 1"></iframe>'
    with elsewhere(framing) as port:
        tab = browser.tab(f"http://127.0.0.1:{port}/")
        tab.wait("window.got")
        assert [url for url in tab.requested if url.startswith("ws:")] == []  # the page's script would have asked
        assert f"{sandbox.url}/" in tab.requested
        tab.close()


@needs_chromium
def test_another_page_may_lead_to_the_page(browser: Browser, sandbox: Sandbox) -> None:
    with elsewhere(f'<link rel="icon" href="data:,"><a href="{sandbox.url}/">the sandbox</a>') as port:
        tab = browser.tab(f"http://localhost:{port}/")
        tab.run("document.querySelector('a').click()")
        tab.wait("document.querySelectorAll('#rooms > li').length === 2")
        tab.close()


def test_the_page_is_one_file_without_an_address_of_another(sandbox: Sandbox) -> None:
    html = (Path(__file__).parents[2] / "reconciler/sandbox/page.html").read_text(encoding="utf-8")
    assert [word for word in html.split() if "://" in word] == [
        *["WebSocket(`ws://${location.host}/`,", "WebSocket(`ws://${location.host}/_sandbox/events`);"]
    ]
    assert "innerHTML" not in html
