"""The console script: streams, signals, and what an exception becomes.

Exit codes: 0 done; 1 any error, including wrong usage and a partly failed apply; 2 only `plan --detailed-exitcode` with
changes, and `audit` with findings; 130 and 143 interrupted by SIGINT and SIGTERM.
"""

import gc
import importlib
import os
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

import click
from click.shell_completion import CompletionItem
from typing_extensions import override  # in typing since Python 3.12

from reconciler import DISTRIBUTION, __version__
from reconciler.cli import console
from reconciler.cli.groups import INSTEAD, Group, UnknownCommand, did_you_mean
from reconciler.cli.options import Misuse, Told, examples
from reconciler.errors import BanListInvalid, ReconcilerError
from reconciler.redaction import Redaction
from reconciler.views import wording

# In the order in which the help lists them: name → module, help.
COMMANDS: Final = {
    "init": ("init", "Begin a ban list."),
    "ban": ("ban", "Put bans into the ban list."),
    "lift": ("lift", "Take bans out of the ban list."),
    "why": ("why", "Say whether a user is banned, where, until when, and why."),
    "validate": ("validate", "Check the ban list."),
    "fmt": ("fmt", "Rewrite ban lists in their canonical form."),
    "plan": ("plan", "Show what apply would do."),
    "apply": ("apply", "Disconnect newly banned users, and record it."),
    "show": ("show", "Show a saved plan, or who is banned."),
    "audit": ("audit", "Look through chat logs for banned users who spoke."),
    "rooms": ("rooms", "Show the rooms of the AWS account."),
    "doctor": ("doctor", "Check whether bans will work."),
    "import": ("import_", "Record the bans in the list as done."),
    "state": ("state", "Inspect and repair the state, without disconnecting anybody."),
    "force-unlock": ("force_unlock", "Remove the lock that a dead machine left."),
    "sandbox": ("sandbox", "Run a local IVS Chat, to try things out."),
    "schema": ("schema", "Print the JSON Schema of the ban list."),
}
_COMPLETE: Final = "_RECONCILER_COMPLETE"  # the variable by which a shell asks
_HIDDEN: Final = {"ci": "ci"}


class _Commands(Group):
    """Imports only the command that runs. The help and completion import none."""

    instead = INSTEAD

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _HIDDEN.get(cmd_name) or COMMANDS.get(cmd_name, ("",))[0]
        if not module:
            return None
        command: click.Command = importlib.import_module(f"reconciler.cli.commands.{module}").command
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    @override
    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=help) for name, (_, help) in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "reconciler ban zed --room lobby --reason Spam --for 7d", "reconciler plan", "reconciler COMMAND --help"
    ),
)
@click.version_option(
    __version__, message=f"reconciler %(version)s ({DISTRIBUTION}, Python {sys.version.split(maxsplit=1)[0]})"
)
def cli() -> None:
    """Keeps the bans of Amazon IVS Chat rooms as a reviewed list in git.

    You write who is banned where into bans.yaml. `plan` shows who would be disconnected from which room. `apply` does
    it, and records it in a state file, so that nobody is disconnected twice.
    """


class Terminated(BaseException):
    """SIGTERM came while nothing was under way that must be finished."""


def main() -> NoReturn:
    """The console script: runs the command line and exits."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller; a file of ours must not get its descriptor
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows escapes, not a traceback
    # Reading a long list makes millions of objects and no cycles. Looking for cycles as often as usual takes a fifth of
    # a plan of 100,000 bans.
    gc.set_threshold(50_000, 20, 100)
    sys.exit(_run())


def _run() -> int:
    told = Told()
    if _COMPLETE in os.environ:
        importlib.import_module("reconciler.cli.completion")  # makes the shells known to click
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in the background of a shell
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminated)
        if hasattr(signal, "SIGBREAK"):
            signal.signal(signal.SIGBREAK, signal.default_int_handler)
        result = cli.main(prog_name="reconciler", standalone_mode=False, obj=told)
        sys.stdout.flush()
    except click.ClickException as error:
        _explain_usage(error, told.redacting())
        return 1
    except ReconcilerError as error:
        _explain(told.redacting().error(error))
        return 1
    except (click.Abort, KeyboardInterrupt):
        console.diagnostic(f"Interrupted. {told.done}")
        return 128 + signal.SIGINT
    except Terminated:
        console.diagnostic(f"Terminated. {told.done}")
        return 128 + signal.SIGTERM
    except BrokenPipeError:
        # The reader of our output has gone, as with `| head`; the interpreter must not try to flush to it again.
        sys.stdout = None
        return 1
    except OSError as error:
        sys.stdout = None
        console.error(f"The output cannot be written: {error.strerror or error}")
        return 1
    return result if isinstance(result, int) else 0


def _explain_usage(error: click.ClickException, redaction: Redaction) -> None:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(context.get_help() if context is not None else error.message, err=True)
        return
    if context is not None:
        click.echo(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n", err=True)
    message = error.format_message() if not redaction else _without_values(error)
    if isinstance(error, click.NoSuchOption) and context is not None and _takes_users(context.command):
        message += " A user ID that begins with a dash goes last, behind --."
    console.error(" ".join(message.split()))


def _takes_users(command: click.Command) -> bool:
    return any(isinstance(each, click.Argument) and "USER_ID" in (each.metavar or "") for each in command.params)


def _without_values(error: click.ClickException) -> str:
    """What is wrong with a command line, without what was typed."""
    match error:
        case Misuse() | click.MissingParameter() | click.BadOptionUsage():
            return error.format_message()
        case click.NoSuchOption():
            close = error.possibilities
            return f"There is no such option. {did_you_mean(close) if close else ''}".rstrip()
        case UnknownCommand():
            return f"There is no such command. {error.advice}".rstrip()
        case click.BadParameter():
            hint = error.param.get_error_hint(error.ctx) if error.param is not None else error.param_hint
            choices = error.param.type.choices if error.param and isinstance(error.param.type, click.Choice) else ()
            return f"Invalid value for {hint}." + (f" It is one of {', '.join(choices)}." if choices else "")
    return "There is no such command, or there is an argument too many. --redact hides what was typed."


def _explain(error: ReconcilerError) -> None:
    if isinstance(error, BanListInvalid):
        console.diagnostic(*map(str, error.problems))
        console.error(wording.problem_count(error.problems))
    else:
        console.error(error.whole())


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
