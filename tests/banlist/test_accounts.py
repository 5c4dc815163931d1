"""The key `accounts`: who calls in which AWS account."""

import pytest

from reconciler.banlist.read import parse as parse_bytes
from reconciler.banlist.value import Access, BanList
from reconciler.errors import BanListInvalid

ROOM = "arn:aws:ivschat:us-west-2:012345678901:room/lobby0000000"
HEAD = f"version: 1\nrooms: {{lobby: {ROOM}}}\naccounts:\n"
HEAD_OF_TWO = HEAD.replace("}", ", finals: arn:aws:ivschat:eu-west-1:123456789012:room/finals000000}")
ROLE = "arn:aws:iam::123456789012:role/bans"


def parse(text: str) -> BanList:
    return parse_bytes(text.encode(), "b.yaml")


def problems_of(text: str, *, strict: bool = False) -> list[str]:
    with pytest.raises(BanListInvalid) as raised:
        parse_bytes(text.encode(), "b.yaml", strict=strict)
    return [str(problem) for problem in raised.value.problems]


def warnings_of(text: str) -> list[str]:
    return [str(problem) for problem in parse(text).warnings]


def test_an_account_has_a_role_or_a_profile() -> None:
    text = f"""\
version: 1
accounts:
  "123456789012": {{role_arn: {ROLE}, external_id: esports-7}}
  "210987654321":
    profile: esports
bans: []
"""
    assert parse(text).accounts == {
        "123456789012": Access(ROLE, "esports-7"),
        "210987654321": Access(profile="esports"),
    }


def test_an_account_is_the_digits_that_stand_there() -> None:
    for key in ("012345678901", "'012345678901'", '"012345678901"'):
        text = f"{HEAD}  {key}: {{role_arn: arn:aws:iam::012345678901:role/bans, external_id: 00123}}\nbans: []\n"
        assert parse(text).accounts == {"012345678901": Access("arn:aws:iam::012345678901:role/bans", "00123")}
        assert warnings_of(text) == []


@pytest.mark.parametrize("nothing", ["accounts:\n", "accounts: {}\n", "accounts: ~\n", ""])
def test_a_list_need_not_name_any(nothing: str) -> None:
    assert parse(f"version: 1\n{nothing}bans: []\n").accounts == {}


@pytest.mark.parametrize(
    "role",
    [
        "arn:aws:iam::123456789012:role/a",
        "arn:aws:iam::123456789012:role/chat/teams/bans+=,.@-_" + "x" * 40,
        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_bans_0123456789abcdef",
    ],
)
def test_roles_may_have_a_path(role: str) -> None:
    accounts = parse(f"{HEAD}  123456789012:\n    role_arn: {role}\nbans: []\n").accounts
    assert accounts["123456789012"].role_arn == role


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "  12345: {profile: a}",
            "b.yaml:4:3: accounts.12345: not an account; write its 12 digits alone, such as 123456789012",
        ),
        (
            "  1234-5678-9012: {profile: a}",
            "b.yaml:4:3: accounts.1234-5678-9012: not an account; write its 12 digits alone, such as 123456789012",
        ),
        (
            "  ١٢٣٤٥٦٧٨٩٠١٢: {profile: a}",
            "b.yaml:4:3: accounts.١٢٣٤٥٦٧٨٩٠١٢: not an account; write its 12 digits alone, such as 123456789012",
        ),
        (
            "  123456789012:",
            "b.yaml:4:3: accounts.123456789012: has no value; write a line such as `role_arn: …` or `profile: …`",
        ),
        (
            f"  123456789012: {ROLE}",
            "b.yaml:4:17: accounts.123456789012: this is text; write a line such as `role_arn: …` or `profile: …`"
            " instead",
        ),
        (
            "  123456789012: {}",
            "b.yaml:4:3: accounts.123456789012: neither a role nor a profile; add a line such as `role_arn:"
            " arn:aws:iam::123456789012:role/reconciler`, or `profile: NAME`",
        ),
        (
            f"  123456789012: {{role_arn: {ROLE}, profile: a}}",
            "b.yaml:4:65: accounts.123456789012.profile: an account has a role or a profile; keep one of the two",
        ),
        (
            "  123456789012: {profile: a, external_id: abc}",
            "b.yaml:4:30: accounts.123456789012.external_id: goes with a `role_arn`, and a profile has its own in the"
            " AWS configuration; remove it here",
        ),
        (
            f"  012345678901: {{role_arn: {ROLE}}}",
            "b.yaml:4:28: accounts.012345678901.role_arn: a role of account 123456789012, and rooms are called by a"
            " role of their own account; name one of 012345678901, or correct the account above",
        ),
        (
            "  123456789012: {role_arn: bans}",
            "b.yaml:4:28: accounts.123456789012.role_arn: not the ARN of a role; it looks like"
            " arn:aws:iam::123456789012:role/reconciler",
        ),
        (
            "  123456789012: {role_arn: arn:aws:iam::123456789012:user/bans}",
            "b.yaml:4:28: accounts.123456789012.role_arn: not the ARN of a role; it looks like"
            " arn:aws:iam::123456789012:role/reconciler",
        ),
        (
            "  123456789012: {role_arn: arn:aws-cn:iam::123456789012:role/bans}",
            "b.yaml:4:28: accounts.123456789012.role_arn: a role in the partition aws-cn, and rooms are in `aws`; a"
            " role there looks like arn:aws:iam::123456789012:role/reconciler",
        ),
        (
            f"  123456789012: {{role_arn: {ROLE}, external_id: a b}}",
            "b.yaml:4:78: accounts.123456789012.external_id: not an external ID; it has 2 to 1,224 letters, digits and"
            " signs of _+=,.@:/-",
        ),
        (
            f"  123456789012: {{rolearn: {ROLE}}}",
            "b.yaml:4:18: accounts.123456789012.rolearn: there is no such key; did you mean `role_arn`?",
        ),
        (
            '  123456789012: {"[key]": x}',
            'b.yaml:4:18: accounts.123456789012."[key]": there is no such key; the keys here are role_arn, external_id,'
            " profile",
        ),
        ("  123456789012: {profile: a}\n  123456789012: {profile: b}", "b.yaml:5:3: accounts.123456789012: "),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(lines: str, problem: str) -> None:
    (said,) = problems_of(f"{HEAD_OF_TWO}{lines}\nbans: []\n")
    assert said.startswith(problem)
    assert problem.endswith(": ") or said == problem


def test_an_included_file_names_no_accounts() -> None:
    with pytest.raises(BanListInvalid, match=r"an included file holds only `bans`; move this to the list"):
        parse_bytes(
            b"version: 1\ninclude: [a.yaml]\n",
            find=lambda _: [[("a.yaml", b"accounts: {'123456789012': {profile: a}}\nbans: []\n")]],
        )


IDLE = (
    "b.yaml:4:28: warning: accounts.123456789012.role_arn: no room of the list is in account 123456789012, so this is"
    " not used; correct the account, add its rooms, or remove this"
)


def test_an_account_without_rooms_is_a_warning() -> None:
    text = f"{HEAD}  123456789012: {{role_arn: {ROLE}}}\nbans: []\n"
    assert warnings_of(text) == [IDLE]
    assert problems_of(text, strict=True) == [IDLE.replace("warning: ", "")]
    assert warnings_of(text.replace("bans}\n", "bans} # reconciler: ok\n")) == []


@pytest.mark.parametrize(
    "more",
    [
        "discover: [{region: us-west-2, account: 123456789012}]\nbans: []\n",
        "bans: [{user_id: zed, rooms: ['arn:aws:ivschat:us-west-2:123456789012:room/x']}]\n",
        "denylist: {location: dynamodb://us-west-2/bans, token_records: dynamodb://us-west-2/tokens}\nbans: []\n",
    ],
)
def test_rooms_of_an_account_need_not_have_names(more: str) -> None:
    assert warnings_of(f"{HEAD}  123456789012: {{role_arn: {ROLE}}}\n{more}") == []


def test_a_ban_everywhere_is_in_no_account() -> None:
    text = f"{HEAD}  123456789012: {{role_arn: {ROLE}}}\nbans: [{{user_id: zed, rooms: everywhere}}]\n"
    assert warnings_of(text) == [IDLE]
