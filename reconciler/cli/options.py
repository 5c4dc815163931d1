"""Options that several commands share. Every option also reads the environment variable RECONCILER_ + its name."""

import os
from collections.abc import Callable, Collection
from datetime import datetime
from functools import reduce
from json import loads
from math import isfinite
from typing import Any, Final, TypeVar

import click

from reconciler.banlist.value import BanList
from reconciler.bans import BanKey, parse_address
from reconciler.cli import console
from reconciler.cli.run import Run
from reconciler.errors import BanListError
from reconciler.plan.change import Plan
from reconciler.plan.diff import diff
from reconciler.redaction import HIDDEN, MIN_KEY, Redaction
from reconciler.sources import load_ban_list
from reconciler.state.value import State
from reconciler.stores import Store, open_store

F = TypeVar("F", bound=Callable[..., Any])


class Address(click.ParamType[str]):
    """`ROOM/USER_ID`. In an environment variable several stand one a line, since user IDs may hold spaces."""

    name = "address"
    envvar_list_splitter = "\n"


def option(*names: str, **attributes: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's own
    """A click option that also reads an environment variable: `--lock-timeout` reads RECONCILER_LOCK_TIMEOUT."""
    long = next(name for name in names if name.startswith("--"))
    variable = "RECONCILER_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


def together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which the help shows them."""
    return lambda function: reduce(lambda decorated, decorator: decorator(decorated), reversed(decorators), function)


class Number(click.FloatRange):
    """A finite number, 0 or large enough to divide by."""

    least = 1e-3

    def convert(  # noqa: D102
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number) or 0 < number < self.least:
            self.fail(f"{value} is not a number to wait or count by.", param, ctx)
        return number


file_option = option("-f", "--file", default="bans.yaml", show_default=True, metavar="PATH", help="The ban list.")
state_option = option(
    "--state",
    metavar="LOCATION",
    help="Where the state is kept. [default: as the list says, else bans.state.json beside it]",
)


def _no_color(_context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        os.environ["NO_COLOR"] = "1"  # for everything that colours, the progress bar and errors included


no_color_option = option(
    "--no-color", is_flag=True, expose_value=False, callback=_no_color, help="No colours; NO_COLOR does the same."
)
target_option = option(
    "--target",
    multiple=True,
    type=Address(),
    metavar="ADDRESS",
    help="Only this ban, such as lobby/ABC123def456; may be given several times (in the variable, one a line).",
)
replace_option = option(
    "--replace",
    multiple=True,
    type=Address(),
    metavar="ADDRESS",
    help="Disconnect this user once more though the ban is recorded; may be given several times (in the variable,"
    " one a line).",
)


all_option = option("--all", "everything", is_flag=True, help="Show every change, also of a plan that has hundreds.")
REDACT_KEY: Final = "RECONCILER_REDACT_KEY"


def redact_requested(context: click.Context, _option: click.Parameter, given: bool) -> Redaction:
    """What `--redact` asks for; it is also told to whoever prints the errors."""
    if not given:
        return Redaction()
    secret = os.environ.get(REDACT_KEY, "").strip()
    if len(secret) < MIN_KEY:
        what = f"is shorter than {MIN_KEY} characters" if secret else "is not set"
        raise click.UsageError(
            f"--redact needs a secret key, and {REDACT_KEY} {what}. Make one with `openssl rand -hex 32`, and keep it"
            " as a secret of the CI job: the same key gives a user the same name in every log."
        )
    redaction = Redaction(secret)
    context.ensure_object(Run).redaction = redaction
    return redaction


redact_option = option(
    "--redact",
    is_flag=True,
    is_eager=True,  # before anything that could name a user
    callback=redact_requested,
    help=f"Show user-… in place of user IDs: a hash with the key in {REDACT_KEY}.",
)


def store_for(ban_list: BanList, location: str | None, *, profile: str | None = None) -> Store:
    """The store of the state: where the option says, else where the list says."""
    return open_store(location or ban_list.state_location, warn=console.diagnostic, profile=profile)


def list_for_names(file: str, location: str | None) -> BanList:
    """The ban list, which names the rooms; a state can be looked at without it, if we are told where it is."""
    try:
        return load_ban_list(file)
    except BanListError:
        without = BanList(path=file)
        if location is None and not os.path.exists(without.state_location):
            raise
        run = click.get_current_context().ensure_object(Run)
        console.diagnostic(run.text(f"{file} cannot be used, so rooms are shown by their ARNs."))
        return without


def keys(
    addresses: Collection[str], option: str, ban_list: BanList, state: State, redact: Redaction
) -> frozenset[BanKey]:
    """The bans that addresses on the command line mean, as a plan shows them or raw.

    Raises:
        click.BadParameter: one of them is no address.
    """
    return frozenset(_key(address, option, ban_list, state, redact) for address in addresses if address)


def planned(
    ban_list: BanList,
    state: State,
    *,
    target: Collection[str],
    replace: Collection[str] = (),
    redact: Redaction,
    now: datetime,
) -> Plan:
    """The plan for the addresses of `--target` and `--replace`."""
    return diff(
        ban_list,
        state,
        now=now,
        targets=keys(target, "--target", ban_list, state, redact) if target else None,
        replace=keys(replace, "--replace", ban_list, state, redact),
    )


def _key(address: str, option: str, ban_list: BanList, state: State, redact: Redaction) -> BanKey:
    shown = HIDDEN if redact else address
    try:
        key = parse_address(address, ban_list.rooms)
    except ValueError as error:
        why = "it is no address, or its room is not in the list" if redact else error
        raise click.BadParameter(f"{shown}: {why}", param_hint=option) from error
    # The plan shows unusual user IDs in quotes, with escapes; an ID may also hold such quotes itself.
    candidates = [candidate for candidate in (key, _unquoted(key)) if candidate is not None]
    known = [candidate for candidate in candidates if candidate in ban_list.bans or candidate in state.records]
    if len(known) > 1:
        raise click.BadParameter(f"{shown} can mean two users, with and without the quotes", param_hint=option)
    return known[0] if known else key


def _unquoted(key: BanKey) -> BanKey | None:
    try:
        shown = loads(key.user_id)
    except ValueError:
        return None
    return key._replace(user_id=shown) if isinstance(shown, str) else None
