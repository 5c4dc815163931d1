"""A token service for Amazon IVS Chat: `POST /tokens` with `{"room": ROOM_ARN}` gives a chat token to who may have one.

A Lambda behind an HTTP API of Amazon API Gateway, whose JWT authorizer has checked who calls.

Environment:
    DENYLIST: where the bans are: `dynamodb://REGION/TABLE` or `s3://BUCKET/KEY`.
    TOKEN_RECORDS: `dynamodb://REGION/TABLE`, where it is noted who got a token for which room.
    ROOM_ARNS: the rooms that tokens are made for, separated by commas.
"""

import base64
import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from gate import Banned, DenylistUnavailable, Gate  # reconciler/gate.py, copied beside this file

CAPABILITIES = ["SEND_MESSAGE"]  # who may delete messages or disconnect others is another service's business
SESSION_MINUTES = 60  # as long as people stay, at most 180: whoever stays longer gets a new token without noticing

ROOMS = set(os.environ["ROOM_ARNS"].split(","))
GATE = Gate(os.environ["DENYLIST"], token_records=os.environ.get("TOKEN_RECORDS"))
# The region of a room is in its ARN. A Lambda lasts, so the clients do.
CHAT = {
    region: boto3.client(
        "ivschat",
        region_name=region,
        config=Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}),
    )
    for region in {room.split(":")[3] for room in ROOMS}
}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """A token, or why there is none."""
    # Who calls is what the authorizer says, never what the body says.
    claims = event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims", {})
    user_id = claims.get("sub")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= 128:
        return answer(401, error="Sign in first.")
    room = wanted_room(event)
    if room not in ROOMS:
        return answer(404, error="There is no such room.")
    try:
        verdict = GATE.check(user_id, room)  # cheap: most banned users cost no call of CreateChatToken
        if verdict.banned:
            raise Banned(verdict.until)
        token = CHAT[room.split(":")[3]].create_chat_token(
            roomIdentifier=room, userId=user_id, capabilities=CAPABILITIES, sessionDurationInMinutes=SESSION_MINUTES
        )
        GATE.admit(user_id, room)  # after the token was made: a ban that comes now finds it noted, or is found here
    except Banned as error:
        return answer(403, error="You are banned from this chat.", until=error.until and error.until.isoformat())
    except DenylistUnavailable as error:
        # Refuse: without a token nobody is harmed for long, as clients try again; with one, a banned user is back for
        # up to SESSION_MINUTES. Whoever is in the room already stays.
        logging.warning("No token, because the denylist is unavailable: %s", error)
        return answer(503, {"retry-after": "5"}, error="The chat cannot be joined just now. Try again.")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ThrottlingException":
            raise
        return answer(503, {"retry-after": "1"}, error="Too many people are joining just now. Try again.")
    return answer(
        200,
        token=token["token"],
        sessionExpirationTime=token["sessionExpirationTime"].isoformat(),
        tokenExpirationTime=token["tokenExpirationTime"].isoformat(),
    )


def wanted_room(event: dict[str, Any]) -> str:
    """The room that the body asks for; empty if it asks for none."""
    body = event.get("body") or ""
    try:
        wanted = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    except (ValueError, RecursionError):
        return ""
    room = wanted.get("room") if isinstance(wanted, dict) else None
    return room if isinstance(room, str) else ""


def answer(status: int, headers: dict[str, str] | None = None, **body: object) -> dict[str, Any]:
    """An answer for API Gateway. Tokens are not to be kept on the way."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store", **(headers or {})},
        "body": json.dumps(body),
    }
