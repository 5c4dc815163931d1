import re
from typing import Any

import pytest

from reconciler.sandbox.tokens import TokenRefused, Tokens

from .builders import LOBBY, NOON


def issue(tokens: Tokens, now: float = NOON, **params: Any) -> dict[str, Any]:
    body = tokens.issue({"roomIdentifier": LOBBY, "userId": "zed", **params}, now).body
    assert body is not None
    return body


def refusal(tokens: Tokens, text: str, now: float = NOON) -> tuple[int, str]:
    with pytest.raises(TokenRefused) as caught:
        tokens.redeem(text, now)
    return caught.value.status, str(caught.value)


def test_a_token_carries_what_it_was_made_for() -> None:
    tokens = Tokens()
    made = issue(tokens, capabilities=["SEND_MESSAGE"], attributes={"colour": "red"}, sessionDurationInMinutes=180)
    assert made["tokenExpirationTime"] == "2027-01-15T08:01:00.000Z"
    assert made["sessionExpirationTime"] == "2027-01-15T11:00:00.000Z"
    token = tokens.redeem(made["token"], NOON + 59.9)
    assert (token.room_arn, token.user_id, token.capabilities) == (LOBBY, "zed", frozenset({"SEND_MESSAGE"}))
    assert (token.attributes, token.session_ends) == ({"colour": "red"}, NOON + 3 * 3600)


def test_without_more_said_a_user_may_view_for_an_hour() -> None:
    tokens = Tokens()
    token = tokens.redeem(issue(tokens)["token"], NOON)
    assert (token.capabilities, token.attributes, token.session_ends) == (frozenset(), {}, NOON + 3600)


def test_a_token_is_a_name_of_a_subprotocol_that_a_browser_takes_and_no_two_are_the_same() -> None:
    tokens = Tokens()
    made = {issue(tokens)["token"] for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{40,}", token) for token in made)


def test_a_token_opens_one_connection() -> None:
    tokens = Tokens()
    text = issue(tokens)["token"]
    tokens.redeem(text, NOON)
    assert refusal(tokens, text) == (401, "The chat token has been used: it is good for one connection.")
    assert refusal(tokens, text, NOON + 300)[1].startswith("The chat token has been used")


def test_a_token_is_good_for_a_minute() -> None:
    tokens = Tokens()
    text = issue(tokens)["token"]
    assert refusal(tokens, text, NOON + 60) == (401, "The chat token has expired: it is good for 60 seconds.")


def test_a_shorter_life_is_not_told() -> None:
    tokens = Tokens(lifetime=2)
    made = issue(tokens)
    assert made["tokenExpirationTime"] == "2027-01-15T08:01:00.000Z"
    assert refusal(tokens, made["token"], NOON + 2)[1] == "The chat token has expired: it is good for 2 seconds."


def test_a_shorter_session_is_told() -> None:
    tokens = Tokens(session_lifetime=90)
    assert issue(tokens)["sessionExpirationTime"] == "2027-01-15T08:01:30.000Z"
    assert issue(tokens, sessionDurationInMinutes=1)["sessionExpirationTime"] == "2027-01-15T08:01:00.000Z"


def test_a_token_that_is_missing_or_nobodys_is_refused() -> None:
    assert refusal(Tokens(), "") == (401, "The chat token is missing: it goes into the header Sec-WebSocket-Protocol.")
    assert refusal(Tokens(), "x") == (401, "The sandbox knows no such chat token.")


def test_old_tokens_are_forgotten() -> None:
    tokens = Tokens()
    text = issue(tokens)["token"]
    issue(tokens, now=NOON + 3600)
    assert refusal(tokens, text, NOON + 3600)[1] == "The sandbox knows no such chat token."
