"""Message review: what a room's handler is asked, and what its answer means.

Pure. Source: IVS Chat user guide, page "Message Review Handler". Not documented, and decided here: a handler that gives
no Attributes leaves the message's as they are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.sandbox.frames import ChatError, Message, attributes_of, content_of

_DENIED = "The request was rejected during message review"


@dataclass(frozen=True, slots=True)
class Review:
    """A message that waits for its room's handler.

    Attributes:
        message: the message.
        room_arn: where it is to go.
        address: the sender's IP address.
        handler: the ARN of the handler.
        fallback_result: what becomes of the message if the handler fails: ALLOW or DENY.
        longest: how many code points the room allows.
    """

    message: Message
    room_arn: str
    address: str
    handler: str
    fallback_result: str
    longest: int

    @property
    def event(self) -> dict[str, Any]:
        """What the handler is invoked with."""
        message = self.message
        return {
            "Content": message.content,
            "MessageId": message.id,
            "RoomArn": self.room_arn,
            "Attributes": dict(message.attributes),
            "Sender": {"Attributes": dict(message.sender_attributes), "UserId": message.user_id, "Ip": self.address},
        }

    def outcome(self, answer: bytes | None) -> Message:
        """The message that goes to the room.

        Args:
            answer: what the handler answered; None if it failed, or took too long.

        Raises:
            ChatError: 406, since the message was denied.
        """
        said = _object(answer)
        try:
            attributes = attributes_of(said)
            if said.get("ReviewResult") == "DENY":
                raise ChatError(406, attributes.get("Reason") or _DENIED)
            if said.get("ReviewResult") == "ALLOW":
                message = replace(self.message, content=content_of(said, self.longest))
                return message if said.get("Attributes") is None else replace(message, attributes=attributes)
        except ChatError as error:
            if error.code == 406:
                raise
        if self.fallback_result == "DENY":
            raise ChatError(406, _DENIED)
        return self.message


def _object(answer: bytes | None) -> Mapping[str, Any]:
    """The JSON object that an answer is; empty if it is none."""
    try:
        value = json.loads(answer or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
