"""A message review handler for Amazon IVS Chat: what banned users write does not reach the room.

A Lambda that a room names as its message review handler. A room has one, so a handler that it has already is wrapped:

    handler = without_banned_users(my_handler)

Environment:
    DENYLIST: where the bans are: `dynamodb://REGION/TABLE` or `s3://BUCKET/KEY`.
"""

import logging
import os
from collections.abc import Callable
from typing import Any

from gate import DenylistUnavailable, Gate  # reconciler/gate.py, copied beside this file

Event = dict[str, Any]
Review = Callable[[Event, object], Event]

# The service waits for 0.2 s, and takes an answer that comes later for `fallbackResult`.
GATE = Gate(os.environ["DENYLIST"], timeout=0.15)

# What happens to a message while the denylist cannot be read. Let it through: this is the last of three lines, after
# the token service, which lets nobody in now, and DisconnectUser. To deny would silence everybody. Where silence does
# less harm than one banned voice, write DENY here, and set the room's `fallbackResult` to DENY too.
WHEN_UNAVAILABLE = "ALLOW"


def without_banned_users(review: Review) -> Review:
    """A handler that denies what banned users write, and leaves the rest to `review`."""

    def handler(event: Event, context: object) -> Event:
        try:
            denied = GATE.check(event["Sender"]["UserId"], event["RoomArn"]).banned
            reason = "You are banned from this chat."
        except DenylistUnavailable as error:
            logging.warning("%s, because the denylist is unavailable: %s", WHEN_UNAVAILABLE, error)
            denied = WHEN_UNAVAILABLE == "DENY"
            reason = "Messages cannot be reviewed just now."
        if denied:
            # The sender is told the reason; the room hears nothing.
            return {"ReviewResult": "DENY", "Content": event["Content"], "Attributes": {"Reason": reason}}
        return review(event, context)

    return handler


def allow(event: Event, _context: object) -> Event:
    """Let every message through as it is. The room's own handler, if it has one, takes this one's place."""
    return {"ReviewResult": "ALLOW", "Content": event["Content"], "Attributes": event.get("Attributes") or {}}


handler = without_banned_users(allow)
