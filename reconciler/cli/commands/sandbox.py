"""`reconciler sandbox`: a local IVS Chat to try things out."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import TYPE_CHECKING, Any

import click

from reconciler import DISTRIBUTION, escape, sandbox
from reconciler.banlist.value import BanList
from reconciler.bans import BanKey, address
from reconciler.cli import console
from reconciler.cli.options import (
    FilePath,
    RoomArn,
    examples,
    file_option,
    gathered,
    no_color_option,
    option,
    redact_option,
    together,
)
from reconciler.cli.workspace import Workspace
from reconciler.errors import EndpointMixed, ReconcilerError
from reconciler.operating_system import may_open_many_files
from reconciler.redaction import HIDDEN, Redaction
from reconciler.sandbox.kinds import DEFAULT_FAULTS, FAULT_KINDS, FaultKind
from reconciler.state.endpoints import recorded
from reconciler.state.value import State
from reconciler.stores import open_store
from reconciler.views.wording import count

if TYPE_CHECKING:
    from reconciler.sandbox import Request, Sandbox, SandboxOptions

DEFAULT_PORT = 8787
_SHOWN_REQUESTS = 50


def _faults(rate: float | None, kinds: tuple[FaultKind, ...]) -> dict[str, Any]:
    """Which calls fail: if there are kinds but no rate, all of them; if there is a rate but no kinds, in usual ways."""
    return {"fault_rate": (100 if kinds else 0) if rate is None else rate, "faults": kinds or DEFAULT_FAULTS}


_with_settings = gathered(
    "settings",
    dict,
    option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        metavar="ADDRESS",
        help="The address to listen on; another than a loopback address lets others in, as a container has to.",
    ),
    option(
        "--allow-host",
        "allow_hosts",
        multiple=True,
        metavar="NAME",
        help="A name by which the API may be called, besides localhost; repeatable.",
    ),
    option(
        "--room", "rooms", multiple=True, metavar="ARN", help="One more room, besides those of the list; repeatable."
    ),
    option(
        "--more-rooms",
        type=click.IntRange(0, 1_000_000),
        default=0,
        metavar="N",
        help="So many rooms besides, called room-1 and so on.",
    ),
    option(
        "--quota",
        type=click.IntRange(min=0),
        default=100,
        show_default=True,
        metavar="N",
        help="Calls of DisconnectUser, SendEvent and DeleteMessage a second in each account and region, each by"
        " itself; 0 for no quota.",
    ),
    option(
        "--token-quota",
        type=click.IntRange(min=0),
        default=200,
        show_default=True,
        metavar="N",
        help="The same for CreateChatToken.",
    ),
    option(
        "--room-quota",
        type=click.IntRange(min=0),
        default=5,
        show_default=True,
        metavar="N",
        help="The same for each operation on rooms, such as ListRooms; those on tags have twice as many.",
    ),
    option(
        "--latency",
        type=click.FloatRange(min=0),
        default=0,
        metavar="SECONDS",
        help="How late each answer is, and what chat clients hear.",
    ),
    option(
        "--token-lifetime",
        type=click.FloatRange(0, 60, min_open=True),
        default=60,
        metavar="SECONDS",
        help="How long a chat token is accepted; what CreateChatToken answers says a minute still.",
    ),
    option(
        "--session-lifetime",
        type=click.FloatRange(0, 10_800, min_open=True),
        metavar="SECONDS",
        help="How long a session lasts at most. [default: as CreateChatToken was asked]",
    ),
    option(
        "--review-handler",
        "review_handlers",
        multiple=True,
        metavar="ARN=URL",
        help="Where a message review handler is that rooms name: its messages are POSTed there; repeatable.",
    ),
    option("--chat-log", type=Path, metavar="DIR", help="Write chat logs into this folder, as IVS Chat does on S3."),
    option(
        "--deny",
        multiple=True,
        type=RoomArn(),
        metavar="ARN",
        help="A room that denies calls, or a role that nobody may assume; repeatable.",
    ),
    option("--account", default="123456789012", show_default=True, metavar="N", help="The caller's account."),
    option("--seed", type=int, default=0, metavar="N", help="Decides which calls fail, and the IDs of new rooms."),
    option(
        "--log", type=Path, metavar="PATH", help="Append each request to this file as a line of JSON, never redacted."
    ),
)
_with_faults = gathered(
    "faults",
    _faults,
    option(
        "--fault-rate",
        "rate",
        type=click.FloatRange(0, 100),
        metavar="PERCENT",
        help="What share of the calls fails, and of what chat clients ask. [default: 0; with --fault, 100]",
    ),
    option(
        "--fault",
        "kinds",
        multiple=True,
        type=click.Choice(FAULT_KINDS),
        metavar="KIND",
        help=f"How calls fail: {', '.join(FAULT_KINDS)}; repeatable. [default: {', '.join(DEFAULT_FAULTS)}]",
    ),
)

_with_workspace = gathered(
    "workspace",
    Workspace,
    file_option,
    option(
        "--state",
        type=FilePath(),
        metavar="LOCATION",
        help="The state that COMMAND works on. [default: a copy of the state that the list names]",
    ),
    redact_option,
    no_color_option,
)


@click.command(
    "sandbox",
    epilog=examples(
        "reconciler sandbox",
        "reconciler sandbox -- reconciler apply",
        "reconciler sandbox --fault denied -- reconciler apply",
    ),
)
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
@together(
    option(
        "--port",
        type=click.IntRange(0, 65535),
        metavar="N",
        help=f"The port to listen on. [default: {DEFAULT_PORT}; with COMMAND, a free one]",
    ),
    _with_settings,
    _with_faults,
    _with_workspace,
)
def command(
    workspace: Workspace, command: tuple[str, ...], port: int | None, settings: dict[str, Any], faults: dict[str, Any]
) -> int:
    """Run a local IVS Chat, to try out the real job without an AWS account.

    It answers the API and chat clients on a loopback address as Amazon IVS Chat does, and disconnects nobody else. It
    has the rooms of the ban list.

    With COMMAND, it runs that command with AWS clients pointed at the sandbox, shows their requests, and ends with its
    exit code. The command works on a copy of the state, unless --state names another, which must not be one that was
    made on AWS. Without COMMAND, the sandbox runs until you stop it.
    """
    ban_list = BanList() if workspace.has_no_list else workspace.ban_list
    if port is None:
        port = 0 if command else DEFAULT_PORT
    rooms = (*ban_list.rooms.values(), *settings.pop("rooms"))
    handlers = [pair.partition("=")[::2] for pair in settings.pop("review_handlers")]
    settings["review_handlers"] = dict(handlers)
    try:
        options = sandbox.SandboxOptions(port=port, rooms=rooms, room_names=ban_list.room_names, **settings, **faults)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="an option of the sandbox") from error
    if command:
        return _try(command, options, ban_list, workspace)
    return _serve(options, ban_list.room_names, workspace.redact)


@contextmanager
def _running(options: "SandboxOptions", on_request: Callable[["Request"], None] | None = None) -> Iterator["Sandbox"]:
    """A sandbox that runs meanwhile.

    Raises:
        ReconcilerError: It cannot run.
    """
    may_open_many_files()  # a chat client is one
    try:
        with sandbox.running(options, on_request=on_request) as box:
            yield box
    except ModuleNotFoundError as error:  # aiohttp is an extra
        raise ReconcilerError(
            f"The sandbox needs {error.name}, which an extra brings: pip install '{DISTRIBUTION}[sandbox]'"
        ) from error
    except BrokenPipeError:  # the reader of our output has gone
        raise
    except OSError as error:
        raise ReconcilerError(f"The sandbox cannot run: {error.strerror or error}") from error


def _serve(options: "SandboxOptions", names: Mapping[str, str], redact: Redaction) -> int:
    """Run until somebody stops it, and show each request as it comes."""
    with _running(options, lambda request: console.say(_line(request, names, redact))) as box:
        console.say(f"A local IVS Chat with {count(len(box.rooms), 'room')} listens on {box.url}\n")
        console.out(
            "Use it with any AWS client and made-up credentials:"
            f" AWS_ENDPOINT_URL_IVSCHAT={box.url} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any\n"
        )
        console.out(f"Chat clients join at ws{box.url.removeprefix('http')} with a token from CreateChatToken.\n")
        hint = "; it shows user IDs as they are" if redact else ""
        console.out(f"Open {box.url} in a browser to see who is connected, and to join as any user{hint}.\n")
        try:
            while True:
                sleep(3600)  # unlike waiting for a lock, Ctrl-C ends this on Windows too
        except KeyboardInterrupt:
            console.diagnostic("Stopped.")
    return 128 + signal.SIGINT


def _try(command: tuple[str, ...], options: "SandboxOptions", ban_list: BanList, workspace: Workspace) -> int:
    """Run a command against the sandbox, then show what it asked."""
    with _running(options) as box:
        with _state_for(ban_list, workspace.given_state, box.url) as location:
            # A copy of the state is thrown away, so the denylist that follows the real one is left alone.
            published = {} if workspace.given_state is not None else {"RECONCILER_WITHOUT_DENYLIST": "1"}
            status = _run(command, box.url, location, published)
        requests = box.requests
    console.say(f"\nThe sandbox received {count(len(requests), 'request')}{':' if requests else '.'}\n")
    for request in requests[:_SHOWN_REQUESTS]:
        console.say("  " + _line(request, ban_list.room_names, workspace.redact))
    if (more := len(requests) - _SHOWN_REQUESTS) > 0:
        console.out(f"  … and {more:,} more\n")
    return status


@contextmanager
def _state_for(ban_list: BanList, given: str | None, url: str) -> Iterator[str]:
    """The state for the run of a command: the list's own must not record what happened to nobody.

    Raises:
        EndpointMixed: the one that was given records what was done on AWS.
    """
    if given is not None:
        if "://" not in given and not open_store(given, console.diagnostic).read().goes_with(url):
            raise EndpointMixed(
                f"{given} {recorded(None)}, and what happens in the sandbox must not get into it. Without --state and"
                " RECONCILER_STATE, the command works on a copy of the list's state. Or name another state, such as"
                " --state rehearsal.state.json."
            )
        yield given
        return
    location = ban_list.state_location
    state = State() if "://" in location else open_store(location, console.diagnostic).read()
    with TemporaryDirectory(prefix="reconciler-") as folder:
        path = Path(folder) / "bans.state.json"
        if state.lineage is not None:
            dumps = import_module("reconciler.state.file").dumps  # which needs pydantic
            path.write_bytes(dumps(replace(state, endpoint=url)))
        yield str(path)
    console.diagnostic(f"The command used a copy of the state; {location} is unchanged.")


def _run(command: tuple[str, ...], url: str, state: str, more: Mapping[str, str]) -> int:
    """Run a command in an environment that leads to the sandbox, with `more` variables.

    Returns:
        Its exit code; 128 + N if signal N ended it.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_IVSCHAT": url,
        "AWS_ENDPOINT_URL_STS": url,
        "RECONCILER_STATE": state,
        "NO_PROXY": ",".join(filter(None, ["127.0.0.1", os.environ.get("NO_PROXY")])),
        **more,
    }
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - it is what the caller wants to run
    except OSError as error:
        raise ReconcilerError(f"{command[0]}: {error.strerror}", private=[command[0]]) from error
    # A terminal sends SIGINT to both of us, and a supervisor SIGTERM to us: the command decides how it ends.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    return status if status >= 0 else 128 - status


def _line(request: "Request", names: Mapping[str, str], redact: Redaction) -> str:
    """A request as a line for people."""
    params = dict(request.params)
    what = []
    arn, user_id = params.pop("roomIdentifier", None), params.pop("userId", None)
    user = user_id if isinstance(user_id, str) else ""
    if isinstance(arn, str) and isinstance(user_id, str):
        room = escape.terminal(address(BanKey(arn, ""), names))
        what.append(room + escape.user_id(redact.user(user_id)))
    what += [f"{escape.terminal(name)}={_value(name, value, user, redact)}" for name, value in params.items()]
    answer = request.status if request.status is not None else "no answer"
    error = f" {escape.terminal(request.error)}" if request.error else ""
    head = f"{escape.line(request.operation)} in {escape.terminal(request.region) or 'no region'}"
    if ":assumed-role/" in request.caller:
        head += f" by {escape.terminal(request.caller)}"
    return f"{head}   {'   '.join(what)}   → {answer}{error}\n"


def _value(name: str, value: object, user: str, redact: Redaction) -> str:
    """The value of a request's member. Attributes may be about anybody, and a reason without a user too."""
    if redact and (name == "attributes" or (name == "reason" and not user)):
        return HIDDEN
    return escape.quoted(redact.text(str(value), user))
