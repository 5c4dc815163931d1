"""`reconciler init`: what a repository needs that keeps a ban list."""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from reconciler import escape
from reconciler.atomic import write_together
from reconciler.bans import AccountRegion
from reconciler.cli import console
from reconciler.cli.account import Account, with_account
from reconciler.cli.options import (
    AccountId,
    Misuse,
    Region,
    StateOnS3,
    examples,
    file_option,
    no_color_option,
    option,
    together,
)
from reconciler.errors import BanListUnwritable
from reconciler.git import github_repository, root_of
from reconciler.reading import MEBIBYTE, read_regular_file
from reconciler.views.wording import count, listed

if TYPE_CHECKING:
    from reconciler.rooms import Room

# What lies beside a list and a state, and does not belong in git; docs/ci.md has the same lines.
IGNORED: Final = (
    "*.state.json.backup",
    "*.state.json.journal*",
    "*.state.json.lock",
    "*.reconciler.tmp",
    "bans.state.recovered-*.json",
    "plan.json",
)
_ABOUT_IGNORED: Final = (
    "# Files of reconciler. The state itself (bans.state.json) belongs in git, unless it is kept on S3."
)
_GITIGNORE_MAX: Final = 4 * MEBIBYTE
_MANY: Final = 200  # rooms

# It prints how each subject begins, in the form and with the IDs that GitHub uses for that repository.
_ASK: Final = "gh api repos/{repository}/actions/oidc/customization/sub --jq .sub_claim_prefix"


@click.command(
    "init",
    epilog=examples(
        "reconciler init",
        "reconciler init --rooms-in us-west-2 --rooms-in eu-west-1",
        "reconciler init --github --state s3://moderation/bans.state.json",
    ),
)
@option(
    "--rooms-in",
    "regions",
    multiple=True,
    type=Region(),
    metavar="REGION",
    help="Write the rooms that there are in this region into the list. May be given several times.",
)
@option(
    "--github",
    is_flag=True,
    help="Write the workflows for GitHub, too: one plans and applies, one is a form to ban with.",
)
# RECONCILER_STATE is where some state is now, and may be a rehearsal's: no new list is to name that.
@click.option(
    "--state",
    type=StateOnS3(),
    metavar="s3://BUCKET/KEY",
    help="Keep the state there, and not in git. The workflow then gets credentials for plans, and pushes nothing.",
)
@option(
    "--subject",
    metavar="SUBJECT",
    help=(
        "Write the trust policies of the roles in AWS for the repository whose subjects begin like this, as"
        f" `{_ASK.format(repository='OWNER/REPOSITORY')}` prints it. Without --github, nothing else is written."
    ),
)
@option("--aws-account", metavar="ID", type=AccountId(), help="The account of these roles.")
@together(file_option, with_account, no_color_option)
def command(
    file: str,
    regions: tuple[str, ...],
    github: bool,
    state: str | None,
    subject: str | None,
    aws_account: str | None,
    account: Account,
) -> int:
    """Begin a ban list.

    Writes a list that bans nobody, with comments that say how to ban somebody, and its schema for editors. Adds to
    .gitignore what does not belong in git. Whatever is there already stays as it is: if there is a list, or a workflow,
    nothing is written at all. Calls AWS only for --rooms-in, and needs the permission ivschat:ListRooms for that.
    """
    path = Path(file)
    policies = _policies(path, subject, aws_account)
    if policies and not github:
        if regions or state:
            asked = "--rooms-in" if regions else "--state"
            raise Misuse(f"{asked} writes a list, and --subject alone does not. Leave one out, or add --github.")
        return _trust_alone(policies)
    workflows = _workflows(path, state_on_s3=state is not None) if github else {}
    _refuse([path, *workflows, *policies])
    starter = import_module("reconciler.starter")  # which needs pydantic_core, and the help does not
    names: Mapping[str, str] = starter.named(_rooms(account, regions)) if regions else {}
    schema = path.with_name(starter.SCHEMA_FILE)
    # The list comes last: with it, all is there.
    new = {} if os.path.lexists(schema) else {schema: _schema()}
    new |= {**workflows, **policies, path: starter.starter(names, state).encode()}
    ignoring = _ignoring(path.with_name(".gitignore"))
    _write(new, ignoring)
    written = [path, *(file for file in new if file != path)]
    roles = _about_roles(path, policies) if github else None
    _say(written, ignoring, rooms=len(names) if regions else None, workflows=list(workflows), roles=roles)
    return 0


def _rooms(account: Account, regions: Collection[str]) -> "Sequence[Room]":
    """The rooms in these regions. Raises RoomsUnknown and CredentialsRejected."""
    return account.rooms([AccountRegion("", region) for region in dict.fromkeys(regions)], account.sessions())


def _workflows(ban_list: Path, *, state_on_s3: bool) -> Mapping[Path, bytes]:
    """The workflows for a list, by where they go. Raises Misuse."""
    module = import_module("reconciler.ci.workflow")
    folder, root = _folders(ban_list)
    inside = os.path.relpath(os.path.join(folder, ban_list.name), os.path.realpath(root))
    try:
        written: Mapping[str, str] = module.workflows(inside, state_on_s3=state_on_s3)
    except ValueError as error:
        raise Misuse(f"--github cannot be used with this list: {error}. Give the list another name.") from error
    return {_at(root, place): text.encode() for place, text in written.items()}


def _folders(ban_list: Path) -> tuple[str, str]:
    """The folder of a list, and the root of its repository or, if it is in none, the folder again."""
    folder = os.path.realpath(ban_list.parent)
    return folder, root_of(folder) or folder


def _at(root: str, place: str) -> Path:
    return Path(os.path.relpath(os.path.join(root, place)))


def _policies(ban_list: Path, subject: str | None, aws_account: str | None) -> Mapping[Path, bytes]:
    """The trust policies of the roles, by where they go; none without a subject. Raises Misuse."""
    if (subject is None) != (aws_account is None):
        raise Misuse("--subject and --aws-account go together: whose runs get the roles, and where the roles are.")
    if subject is None or aws_account is None:
        return {}
    _, root = _folders(ban_list)
    try:
        written: Mapping[str, str] = import_module("reconciler.ci.trust").policies(subject, aws_account)
    except ValueError as error:
        raise Misuse(
            f"--subject does not say how GitHub begins the subjects of a repository: {error}. If somebody has changed"
            f" that form, change it back, or write the policies yourself: docs/github.md shows them."
        ) from error
    return {_at(root, place): text.encode() for place, text in written.items()}


def _trust_alone(policies: Mapping[Path, bytes]) -> int:
    for path in policies:
        if os.path.lexists(path):
            raise BanListUnwritable(
                f"There is a {path} already, so nothing was written. Remove it to have it written anew.",
                private=[str(path)],
            )
    try:
        write_together(policies, {})
    except OSError as error:
        raise _unwritable(Path(error.filename2 or error.filename or "."), error) from error
    names = [escape.terminal(str(path)) for path in policies]
    console.say(f"Wrote {listed(names)}.\n\nNext:\n1. {_make_roles(policies)}\n")
    return 0


def _about_roles(ban_list: Path, policies: Mapping[Path, bytes]) -> str:
    """What to do about the roles of the workflow."""
    if policies:
        return _make_roles(policies)
    folder, _ = _folders(ban_list)
    ask = _ASK.format(repository=github_repository(folder) or "OWNER/REPOSITORY")
    return (
        f'Let GitHub sign in to AWS. `reconciler init --aws-account ID --subject "$({ask})"` writes the trust policies.'
        " docs/github.md of reconciler says what to do with them."
    )


def _make_roles(policies: Collection[Path]) -> str:
    names = listed([escape.terminal(str(path)) for path in policies])
    return (
        f"Make the role that applies, and for a state on S3 the one that plans, with the trust policies in {names}."
        " Set the repository's variable RECONCILER_ROLE_ARN, and RECONCILER_PLAN_ROLE_ARN for the one that plans, to"
        " their ARNs. docs/github.md of reconciler says how."
    )


def _refuse(paths: Collection[Path]) -> None:
    """Raise BanListUnwritable if one of them is there already, or their folder is not."""
    for path in paths:
        if os.path.lexists(path):
            raise _there_already(path)
    folder = next(iter(paths)).parent
    if not folder.is_dir():
        raise BanListUnwritable(f"There is no folder {folder}. Nothing was written.", private=[str(folder)])


def _there_already(path: Path) -> BanListUnwritable:
    return BanListUnwritable(
        f"There is a {path} already, so nothing was written. To begin another list, name it with -f.",
        private=[str(path)],
    )


def _schema() -> bytes:
    jsonschema = import_module("reconciler.banlist.jsonschema")
    return (json.dumps(jsonschema.ban_list(), indent=2, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True, slots=True)
class _Ignoring:
    """A `.gitignore`: what it says, what it is to say, and how many lines that adds; `before` is None for none."""

    path: Path
    before: bytes | None
    after: bytes
    added: int


def _ignoring(path: Path) -> _Ignoring:
    """What to add to a `.gitignore`. Raises BanListUnwritable."""
    before = None
    if os.path.lexists(path):
        try:
            before = read_regular_file(path, _GITIGNORE_MAX)
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from error
    said = before or b""
    end = b"\r\n" if b"\r\n" in said else b"\n"
    there = {line.strip() for line in said.splitlines()}
    missing = [line.encode() for line in IGNORED if line.encode() not in there]
    lines = [_ABOUT_IGNORED.encode(), *missing] if missing else []
    gap = b"" if not said else end if said.endswith(b"\n") else end * 2
    after = said + gap + b"".join(line + end for line in lines) if lines else said
    return _Ignoring(path, before, after, len(missing))


def _write(new: Mapping[Path, bytes], ignoring: _Ignoring) -> None:
    """Write all of it, or nothing. Raises BanListUnwritable."""
    replaced: dict[Path, bytes] = {}
    if ignoring.before is None:
        new = {ignoring.path: ignoring.after, **new}
    elif ignoring.added:
        replaced[Path(os.path.realpath(ignoring.path))] = ignoring.after
    try:
        write_together(new, replaced)
    except FileExistsError as error:
        raise _there_already(Path(error.filename2 or error.filename)) from error
    except OSError as error:
        raise _unwritable(Path(error.filename2 or error.filename or "."), error) from error


def _unwritable(path: Path, error: Exception) -> BanListUnwritable:
    why = getattr(error, "strerror", None) or error
    return BanListUnwritable(f"{path}: {why}. Nothing was written.", private=[str(path)])


def _say(
    written: Sequence[Path], ignoring: _Ignoring, *, rooms: int | None, workflows: Collection[Path], roles: str | None
) -> None:
    """What was written, the list first, and what to do next."""
    names = [escape.terminal(str(path)) for path in written]
    shown = names[0]
    said = f"Wrote {listed(names)}."
    if ignoring.added:
        said += f" Added {count(ignoring.added, 'line')} to {escape.terminal(str(ignoring.path))}."
    steps = [_about_rooms(shown, rooms)]
    if workflows:
        both = listed([escape.terminal(str(workflow)) for workflow in workflows])
        steps.append(
            f"In {both}, write the repository and the commit of reconciler in place of OWNER/REPOSITORY and the zeros."
        )
        steps.append(roles or "")
        steps.append("Run `reconciler doctor`, which checks the rest. Then commit, and ban in pull requests.")
    else:
        steps.append("Run `reconciler doctor`: it checks the credentials and the rooms.")
        steps.append("Ban somebody with `reconciler ban USER_ID --room ROOM`, and commit the list for review.")
    numbered = "".join(f"{number}. {step}\n" for number, step in enumerate(steps, start=1))
    console.say(f"{said}\n\nNext:\n{numbered}")


def _about_rooms(shown: str, rooms: int | None) -> str:
    if not rooms:
        none = "" if rooms is None else "There are no rooms in these regions yet. "
        return f"{none}Write your rooms into {shown}; `reconciler rooms --region REGION` shows them with their ARNs."
    step = (
        f"Look through the {count(rooms, 'room')} in {shown}. Rename them as you like, and remove what is not needed."
    )
    if rooms > _MANY:
        step += " For so many, `discover` may serve you better: docs/denylist.md of reconciler tells about it."
    return step
