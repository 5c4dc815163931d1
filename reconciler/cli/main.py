"""The command line: one module a command. Only here are the clock asked, things printed, and exit codes given.

Exit codes: 0 done; 1 any error, a wrong usage and a partly failed apply included; 2 only `plan --detailed-exitcode`
with changes; 130 and 143 interrupted by SIGINT and SIGTERM.
"""

import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final, NoReturn

import click

from reconciler.cli import console
from reconciler.cli.run import Run
from reconciler.errors import BanListInvalid, ReconcilerError

# In the order in which the help lists them: name → module.
_COMMANDS: Final = {
    "validate": "validate",
    "fmt": "fmt",
    "plan": "plan",
    "apply": "apply",
    "show": "show",
    "import": "import_bans",
    "state": "state",
    "force-unlock": "force_unlock",
    "sandbox": "sandbox",
    "schema": "schema",
    "ci": "ci",
}
_HIDDEN: Final = {"ci"}  # programs call it


class _Commands(click.Group):
    """Imports only the command that runs: `plan` does not pay for what `apply` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name in _COMMANDS if name not in _HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"reconciler.cli.commands.{_COMMANDS[cmd_name]}").command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="reconciler", message="reconciler %(version)s")
def cli() -> None:
    """Keeps the bans of Amazon IVS Chat rooms as a reviewed list in git.

    You write who is banned where into bans.yaml. `plan` shows who would be disconnected from which room, `apply` does
    it and records it in a state file, so that nobody is disconnected twice.
    """


class Terminated(BaseException):
    """SIGTERM came while nothing was under way that must be finished."""


def main() -> NoReturn:
    """The console script: runs the command line and exits."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller; a file of ours must not get its descriptor
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows escapes, not a traceback
    signal.signal(signal.SIGTERM, _terminated)
    gc.disable()  # most commands end in a second and make no cycles; those that go on for long turn it on again
    sys.exit(_run())


def _run() -> int:
    run = Run(sys.argv[1:], _known_words)
    try:
        result = cli.main(prog_name="reconciler", standalone_mode=False, obj=run)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.message, err=True)
        return 1
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        if context is not None:
            click.echo(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n", err=True)
        console.error(_usage_error(error, run))
        return 1
    except ReconcilerError as error:
        shown = run.shown(error)
        if not isinstance(shown, BanListInvalid):
            console.error(run.text(str(shown)))
            return 1
        from reconciler.cli.problems import counted  # noqa: PLC0415 - most lists are sound

        for problem in shown.problems:
            console.diagnostic(run.text(str(problem)))
        console.error(run.text(counted(shown)))
        return 1
    except (click.Abort, KeyboardInterrupt):
        console.diagnostic("Interrupted. Nothing was done.")
        return 128 + signal.SIGINT
    except Terminated:
        console.diagnostic("Terminated. Nothing was done.")
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


def _usage_error(error: click.ClickException, run: Run) -> str:
    message = error.format_message()
    extra = run.redacts and message.startswith("Got unexpected extra argument")
    return "Got unexpected extra arguments" if extra else run.text(message)


def _known_words(arguments: Sequence[str]) -> frozenset[str]:
    """The commands, options and choices that these arguments may use."""
    words = {"-", "--", "-h", "--help", "--redact", *_COMMANDS}
    commands: list[click.Command] = [cli]
    for argument in arguments:
        if isinstance(group := commands[-1], click.Group):
            found = group.get_command(click.Context(group), argument)
            commands += [found] if found is not None else []
    for command in commands:
        words.update(command.commands if isinstance(command, click.Group) else ())
        for parameter in command.params:
            words.update(parameter.opts, parameter.secondary_opts)
            words.update(parameter.type.choices if isinstance(parameter.type, click.Choice) else ())
    return frozenset(words)


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
