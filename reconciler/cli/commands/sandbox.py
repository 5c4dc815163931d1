"""`reconciler sandbox`: a local IVS Chat to try things on."""

import gc
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from reconciler import escape
from reconciler.banlist.value import BanList
from reconciler.bans import BanKey, address
from reconciler.cli import console
from reconciler.cli.options import file_option, no_color_option, option, redact_option, together
from reconciler.errors import ReconcilerError
from reconciler.redaction import Redaction
from reconciler.sources import load_ban_list
from reconciler.state import file as state_file
from reconciler.state.value import State
from reconciler.stores import open_store

if TYPE_CHECKING:
    from reconciler.sandbox import Request

DEFAULT_PORT = 8787
_SHOWN_REQUESTS = 50


@click.command("sandbox", context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]")
@file_option
@option("--room", multiple=True, metavar="ARN", help="A room that exists, besides those of the list; several times.")
@option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help=f"[default: {DEFAULT_PORT}; with COMMAND, a free one]"
)
@option(
    "--quota",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="DisconnectUser calls a second in each region; 0 is without a quota.",
)
@option("--latency", type=click.FloatRange(min=0), default=0, metavar="SECONDS", help="Before each answer.")
@option(
    "--fault-rate",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="How many calls fail. [default: 0; if there is a --fault, 100]",
)
@option(
    "--fault",
    multiple=True,
    metavar="KIND",
    help="How they fail: 500, 503, 429, cut, cut-after, denied, pending, expired, bad-credentials, timeout; several"
    " times. [default: 500, 503, 429 and cut]",
)
@option("--deny", multiple=True, metavar="ARN", help="A room in which calls are denied; several times.")
@option("--account", default="123456789012", show_default=True, metavar="N", help="The account of the caller.")
@option("--seed", type=int, default=0, help="Of the random numbers.")
@together(redact_option, no_color_option)
@option("--log", metavar="PATH", help="Append each request to this file, as one line of JSON; it is never redacted.")
def command(
    command: tuple[str, ...],
    file: str,
    log: str | None,
    port: int | None,
    fault_rate: float | None,
    redact: Redaction,
    **options: Any,  # noqa: ANN401
) -> int:
    """Run a local IVS Chat, to try the real job without an AWS account.

    It answers on a loopback address as Amazon IVS Chat does, and disconnects nobody. The rooms of the ban list exist.

    With COMMAND, it runs that with an environment in which AWS clients call the sandbox, shows what they asked, and
    ends with it: reconciler sandbox -- reconciler apply. The command works on a copy of the state, unless
    RECONCILER_STATE is set. Without COMMAND, the sandbox runs until you stop it.
    """
    try:
        from reconciler.sandbox import SandboxOptions, running  # noqa: PLC0415 - aiohttp is an extra
    except ModuleNotFoundError as error:
        raise ReconcilerError(
            f"The sandbox needs {error.name}. Install reconciler with its extra: [sandbox]"
        ) from error
    ban_list = _rooms_of(file)
    if port is None:
        port = 0 if command else DEFAULT_PORT
    try:
        settings = SandboxOptions(
            port=port,
            rooms=(*ban_list.rooms.values(), *options["room"]),
            quota=options["quota"],
            latency=options["latency"],
            fault_rate=(100 if options["fault"] else 0) if fault_rate is None else fault_rate,
            deny=options["deny"],
            account=options["account"],
            seed=options["seed"],
            log=None if log is None else Path(log),
            **({"faults": options["fault"]} if options["fault"] else {}),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    names = ban_list.room_names
    gc.enable()  # see `reconciler.cli.main`
    try:
        with running(
            settings, on_request=None if command else lambda request: console.out(_line(request, names, redact))
        ) as box:
            if not command:
                return _serve(box.url, len(settings.rooms))
            with _scratch_state(ban_list) as state:
                status = _run(command, box.url, state)
            _show(box.requests, names, redact)
            return status
    except BrokenPipeError:  # the reader of our output has gone
        raise
    except OSError as error:
        raise ReconcilerError(f"The sandbox cannot run: {error.strerror or error}") from error


def _rooms_of(file: str) -> BanList:
    """The ban list, if there is one under the name that we look for unasked."""
    source = click.get_current_context().get_parameter_source("file")
    if source is click.core.ParameterSource.DEFAULT and not Path(file).exists():
        return BanList()
    return load_ban_list(file)


def _serve(url: str, rooms: int) -> int:
    console.out(f"A local IVS Chat with {rooms} {'room' if rooms == 1 else 'rooms'} listens on {url}\n")
    console.out(
        "Use it with any AWS client, with made-up credentials:"
        f" AWS_ENDPOINT_URL_IVSCHAT={url} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any\n"
    )
    try:
        Event().wait()
    except KeyboardInterrupt:
        console.diagnostic("Stopped.")
    return 128 + signal.SIGINT


@contextmanager
def _scratch_state(ban_list: BanList) -> Iterator[str]:
    """A copy of the state for the run of one command: the real one is not to record what happened to nobody."""
    if given := os.environ.get("RECONCILER_STATE"):
        yield given
        return
    location = ban_list.state_location
    state = State() if "://" in location else open_store(location, console.diagnostic).read()
    with TemporaryDirectory(prefix="reconciler-") as folder:
        path = Path(folder) / "bans.state.json"
        if state.lineage is not None:
            path.write_bytes(state_file.dumps(state))
        yield str(path)
    console.diagnostic(f"The command worked on a copy of the state, and nothing is recorded in {location}.")


def _run(command: tuple[str, ...], url: str, state: str) -> int:
    """Run a command against the sandbox, and return its exit status."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_IVSCHAT": url,
        "AWS_ENDPOINT_URL_STS": url,
        "RECONCILER_STATE": state,
        "NO_PROXY": ",".join(filter(None, ["127.0.0.1", os.environ.get("NO_PROXY")])),
    }
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - it is what the caller wants to run
    except OSError as error:
        raise ReconcilerError(f"{command[0]}: {error.strerror}") from error
    # A terminal sends SIGINT to both of us, and a supervisor SIGTERM to us: the command decides how it ends.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    return status if status >= 0 else 128 - status


def _show(requests: "tuple[Request, ...]", names: Mapping[str, str], redact: Redaction) -> None:
    count = len(requests)
    console.out(f"\nThe sandbox was asked {count:,} {'time' if count == 1 else 'times'}{':' if count else '.'}\n")
    for request in requests[:_SHOWN_REQUESTS]:
        console.out("  " + _line(request, names, redact))
    if count > _SHOWN_REQUESTS:
        console.out(f"  … and {count - _SHOWN_REQUESTS:,} more times\n")


def _line(request: "Request", names: Mapping[str, str], redact: Redaction) -> str:
    """A request as a line for people."""
    params = dict(request.params)
    what = []
    arn, user_id = params.pop("roomIdentifier", None), params.pop("userId", None)
    user = user_id if isinstance(user_id, str) else ""
    if isinstance(arn, str) and isinstance(user_id, str):
        room = escape.terminal(address(BanKey(arn, ""), names))
        what.append(room + escape.user_id(redact.user(user_id)))
    what += [
        f"{escape.terminal(name)}={escape.quoted(redact.text(str(value), user))}" for name, value in params.items()
    ]
    answer = request.status if request.status is not None else "no answer"
    error = f" {escape.terminal(request.error)}" if request.error else ""
    head = f"{escape.line(request.operation)} in {escape.terminal(request.region) or 'no region'}"
    return f"{head}   {'   '.join(what)}   → {answer}{error}\n"
