"""Options that several commands share. Every option also reads the environment variable RECONCILER_ + its name."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce, wraps
from importlib import import_module
from math import isfinite
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem
from typing_extensions import override  # in typing since Python 3.12

from reconciler.bans import REGION_PATTERN
from reconciler.operating_system import with_slashes
from reconciler.redaction import MIN_KEY, Redaction

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

REDACT_KEY: Final = "RECONCILER_REDACT_KEY"
_COMPLETION: Final = "reconciler.cli.completion"
_OFF: Final = frozenset({"", "0", "false", "f", "no", "n", "off"})  # what click takes for false in a variable


class Misuse(click.UsageError):
    """A usage error in our own words, which name nobody. click's may quote whatever was typed."""


@dataclass(slots=True)
class Told:
    """What whoever prints the errors has to know of the options.

    Attributes:
        redaction: None until `--redact` has been understood.
        done: what an interruption finds done, in a sentence.
    """

    redaction: Redaction | None = None
    done: str = "Nothing was done."

    def redacting(self) -> Redaction:
        """How to redact errors, also of a command line on which `--redact` was not understood, or not reached."""
        asked = "--redact" in sys.argv[1:] or os.environ.get("RECONCILER_REDACT", "").strip().lower() not in _OFF
        return self.redaction or Redaction("" if asked else None)


class Address(click.ParamType[str]):
    """`ROOM/USER_ID`. In an environment variable there is one a line, since user IDs may contain spaces.

    Args:
        listed: offer the bans of the list for completion.
        recorded: offer the bans of the state.
    """

    name = "address"
    envvar_list_splitter = "\n"

    def __init__(self, *, listed: bool, recorded: bool) -> None:
        self._of = {"listed": listed, "recorded": recorded}

    @override
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        items: list[CompletionItem] = import_module(_COMPLETION).addresses(ctx, incomplete, **self._of)
        return items


class RoomArn(click.ParamType[str]):
    """The ARN of a room. Completion offers those of the list."""

    name = "arn"

    @override
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        items: list[CompletionItem] = import_module(_COMPLETION).room_arns(ctx, incomplete)
        return items


class Region(click.ParamType[str]):
    """An AWS region, such as us-west-2."""

    name = "region"

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(REGION_PATTERN, value):
            self.fail(f"{value!r} is not a region of AWS, such as us-west-2.", param, ctx)
        return value


class AccountId(click.ParamType[str]):
    """An AWS account."""

    name = "id"

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch("[0-9]{12}", value):
            self.fail(f"{value!r} is not the ID of an AWS account, which has 12 digits.", param, ctx)
        return value


class StateOnS3(click.ParamType[str]):
    """Where a state is on S3, in characters that mean the same in YAML, in a policy and in a shell."""

    name = "location"

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch("s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9_-][A-Za-z0-9_./-]*", value):
            self.fail(
                f"{value!r} is not s3://BUCKET/KEY, with a key of letters, digits, `_`, `-`, `.` and `/`."
                " A state in a file needs no option: it is bans.state.json, beside the list.",
                param,
                ctx,
            )
        return value


class FilePath(click.ParamType[str]):
    """A path as it was typed, with slashes on every system. Completion offers files."""

    name = "path"

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return with_slashes(value)

    @override
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class Number(click.FloatRange):
    """A finite number, 0 or large enough to divide by."""

    least = 1e-3

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType.convert`."""
        number: float = super().convert(value, param, ctx)
        if not isfinite(number) or 0 < number < self.least:
            self.fail(f"{value} is not a number that can be used here.", param, ctx)
        return number


def option(*names: str, **attributes: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's own
    """A click option that also reads an environment variable: `--lock-timeout` reads RECONCILER_LOCK_TIMEOUT."""
    long = next(name for name in names if name.startswith("--"))
    variable = "RECONCILER_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


def together(*decorators: Decorator) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which the help shows them."""
    return lambda function: reduce(lambda decorated, decorator: decorator(decorated), reversed(decorators), function)


def gathered(name: str, make: Callable[..., object], *options: Decorator) -> Decorator:
    """Options that reach the command as one value.

    Args:
        name: of the command's parameter.
        make: makes the value from those of the options, which it takes as keyword arguments.
        options: the options.
    """
    probe: Any = together(*options)(lambda: None)
    names = [parameter.name for parameter in probe.__click_params__]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(**values: object) -> object:
            own = {name: values.pop(name) for name in names if name in values}
            return function(**{name: make(**own)}, **values)

        return together(*options)(command)

    return decorate


def examples(*lines: str) -> str:
    """The end of a command's help: how it is used, a command a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def format_option(*formats: str, help: str) -> Callable[[F], F]:
    """`--format`, of which the first is the default."""
    return option("--format", type=click.Choice(formats), default=formats[0], show_default=True, help=help)


def _no_color(_context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        os.environ["NO_COLOR"] = "1"  # for everything that colours, including the progress bar and errors


def _redaction(context: click.Context, _option: click.Parameter, given: bool) -> Redaction:
    """What `--redact` asks for. Whoever prints the errors is told too."""
    if not given:
        return Redaction()
    secret = os.environ.get(REDACT_KEY, "").strip()
    if len(secret) < MIN_KEY:
        what = f"is shorter than {MIN_KEY} characters" if secret else "is not set"
        raise Misuse(
            f"--redact needs a secret key, and {REDACT_KEY} {what}. Make one with `openssl rand -hex 32`, and keep it"
            " as a secret of the CI job: the same key gives a user the same name in every log."
        )
    redaction = Redaction(secret)
    context.ensure_object(Told).redaction = redaction
    return redaction


file_option = option(
    "-f", "--file", type=FilePath(), default="bans.yaml", show_default=True, metavar="PATH", help="The ban list."
)
state_option = option(
    "--state",
    type=FilePath(),
    metavar="LOCATION",
    help="Where the state is kept. [default: as the list says, else bans.state.json beside it]",
)
no_color_option = option(
    "--no-color", is_flag=True, expose_value=False, callback=_no_color, help="No colours; NO_COLOR does the same."
)
redact_option = option(
    "--redact",
    is_flag=True,
    is_eager=True,  # before anything that could name a user
    callback=_redaction,
    help=f"Show user-… instead of user IDs: a hash with the key in {REDACT_KEY}.",
)
strict_option = option("--strict", is_flag=True, help="Treat warnings about the list as errors.")
profile_option = option("--profile", metavar="NAME", help="The profile of the AWS configuration to use.")
endpoint_option = option("--endpoint-url", metavar="URL", help="Call this instead of AWS, such as a sandbox.")
target_option = option(
    "--target",
    multiple=True,
    type=Address(listed=True, recorded=True),
    metavar="ADDRESS",
    help="Only this ban, such as lobby/ABC123def456. May be given several times (in the variable: one per line).",
)
replace_option = option(
    "--replace",
    multiple=True,
    type=Address(listed=True, recorded=False),
    metavar="ADDRESS",
    help="Disconnect this user again although the ban is recorded. May be given several times (in the variable: one"
    " per line).",
)
all_option = option("--all", "everything", is_flag=True, help="Leave nothing out, even if there are hundreds.")
approve_option = option("--auto-approve", is_flag=True, help="Do not ask.")
refresh_option = option("--refresh", is_flag=True, help="Read all of the denylist, for what is wrong with it.")
lock_timeout_option = option(
    "--lock-timeout",
    type=Number(min=0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another run to release the state.",
)
