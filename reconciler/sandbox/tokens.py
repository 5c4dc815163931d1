"""Chat tokens: who may join which room, once, and within a minute.

Source: service model `ivschat` 2020-07-14 as shipped by botocore for members and defaults; AWS CLI reference, page
"create-chat-token", and IVS Chat user guide, for the minute and the one use.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.sandbox.attributes import problems_of
from reconciler.sandbox.errors import invalid, room_id
from reconciler.sandbox.request import rfc3339, timestamp
from reconciler.sandbox.rooms import Answer, Params

ANSWERED_LIFETIME = 60.0
"""Seconds that a token is good for, by its `tokenExpirationTime`."""

_REMEMBERED = 600.0
"""Seconds that a token is remembered in, so that whoever brings it late learns why it is refused."""


class TokenRefused(Exception):
    """A token opens no connection.

    Attributes:
        status: the HTTP status that answers the handshake.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        text: what the client shows.
        room_arn: the room that it opens.
        user_id: whom it is for.
        capabilities: what that user may do there besides viewing.
        attributes: what goes with each message of the user.
        issued: when it was made, in seconds since 1970.
        session_ends: when a session that it opened ends.
    """

    text: str
    room_arn: str
    user_id: str
    capabilities: frozenset[str]
    attributes: Mapping[str, str]
    issued: float
    session_ends: float


class Tokens:
    """The tokens that were issued lately.

    Args:
        lifetime: seconds in which a token is accepted, from when it was issued.
        session_lifetime: seconds that a session lasts at most, whatever the request for its token says.
    """

    def __init__(self, lifetime: float = ANSWERED_LIFETIME, session_lifetime: float | None = None) -> None:
        self._lifetime = lifetime
        self._session_lifetime = session_lifetime
        self._issued: dict[str, Token] = {}  # in order of issue
        self._used: set[str] = set()

    def issue(self, params: Params, now: float) -> Answer:
        """CreateChatToken, for a room that exists.

        Raises:
            ServiceError: ValidationException, for attributes that are too large.
        """
        attributes = params.get("attributes") or {}
        if problems := problems_of(attributes):
            raise invalid(problems)
        self._forget(now)
        session = float(60 * (params.get("sessionDurationInMinutes") or 60))
        if self._session_lifetime is not None:
            session = min(session, self._session_lifetime)
        token = Token(
            # A browser takes only letters, digits and a few signs in the name of a subprotocol.
            f"{room_id(params['roomIdentifier'])}.{secrets.token_urlsafe(48)}",
            params["roomIdentifier"],
            params["userId"],
            frozenset(params.get("capabilities") or ()),
            attributes,
            now,
            now + session,
        )
        self._issued[token.text] = token
        return Answer(
            200,
            {
                "token": token.text,
                "tokenExpirationTime": rfc3339(timestamp(now + ANSWERED_LIFETIME)),
                "sessionExpirationTime": rfc3339(timestamp(token.session_ends)),
            },
        )

    def redeem(self, text: str, now: float) -> Token:
        """Use a token up; empty stands for none.

        Raises:
            TokenRefused: it is none, or not good any more.
        """
        if not text:
            raise TokenRefused(401, "The chat token is missing: it goes into the header Sec-WebSocket-Protocol.")
        token = self._issued.get(text)
        if token is None:
            raise TokenRefused(401, "The sandbox knows no such chat token.")
        if text in self._used:
            raise TokenRefused(401, "The chat token has been used: it is good for one connection.")
        if now >= token.issued + self._lifetime:
            raise TokenRefused(401, f"The chat token has expired: it is good for {self._lifetime:g} seconds.")
        self._used.add(text)
        return token

    def _forget(self, now: float) -> None:
        """Drop the tokens that nobody can ask about sensibly."""
        while self._issued:
            oldest = next(iter(self._issued.values()))
            if now - oldest.issued < self._lifetime + _REMEMBERED:
                return
            del self._issued[oldest.text]
            self._used.discard(oldest.text)
