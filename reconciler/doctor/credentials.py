"""Whose AWS credentials there are, and whether they are those of the list's rooms."""

from collections.abc import Iterable

from reconciler.aws.caller import Caller
from reconciler.banlist.value import BanList
from reconciler.bans import account_region_of
from reconciler.errors import ReconcilerError
from reconciler.verdicts import Check, failed, of_error, ok, warning

NAME = "credentials"
_NEEDED = "docs/ci.md, `Permissions in AWS`, says what they need to be allowed."


def accounts_of(ban_list: BanList) -> tuple[str, ...]:
    """The AWS accounts in which a list bans."""
    named = {account_region_of(arn).account for arn in ban_list.rooms.values()}
    named |= {account_region_of(key.room_arn).account for key in ban_list.bans if key.room_arn.startswith("arn:")}
    return tuple(sorted(named | {asked.account for asked in ban_list.discover if asked.account is not None}))


def endpoint(url: str | None) -> Iterable[Check]:
    """The verdict on what is called in place of AWS, if anything is."""
    if url is not None:
        advice = "For a check of AWS, leave out --endpoint-url and the variables and settings that name an endpoint."
        yield warning("endpoint", url, "Amazon IVS Chat is called there, which is not AWS.", advice)


def judged(account: str | None, caller: Caller | ReconcilerError | None) -> Iterable[Check]:
    """The verdict on the credentials for an account.

    Args:
        account: the account; None if the list names none.
        caller: whose they are, or why that is not known; None if nobody was asked.
    """
    subject = "AWS" if account is None else f"account {account}"
    if isinstance(caller, ReconcilerError):
        yield of_error(NAME, subject, caller, _NEEDED)
    elif caller is not None and account not in (None, caller.account):
        yield failed(
            NAME,
            subject,
            f"The list has rooms in account {account}, and the credentials are of account {caller.account}:"
            f" {caller.arn}.",
            f"Use credentials of account {account}, or correct the ARNs in the list.",
        )
    elif caller is not None:
        yield ok(NAME, subject, f"They are of {caller.arn}.")
