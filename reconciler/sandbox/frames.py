"""What clients and the service say to each other over a WebSocket: JSON in text frames.

Source: IVS Chat Messaging API reference, pages "SendMessage (Publish)", "DeleteMessage (Publish)", "DisconnectUser
(Publish)", "Message (Subscribe)", "Event (Subscribe)" and "Error Messages", and Amazon's chat SDK for JavaScript 1.1.1.
What these leave open is as in messages that were captured: an absent RequestId or Reason is "", absent attributes are
null, and a SendTime has nanoseconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.attributes import LARGEST, size_of
from reconciler.sandbox.request import timestamp

LARGEST_FRAME = 64 * 1024
"""Bytes of the longest message over a WebSocket; the service's own limit is not documented."""

_LONGEST_REQUEST_ID = 1024
_TEXT_FRAME = 0x81  # RFC 6455, section 5.2: the final fragment of a text
_ATTRIBUTES = "Attributes must be an object whose values are strings"


class ChatError(Exception):
    """A request that is refused.

    Attributes:
        code: the ErrorCode, a status of HTTP.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way to a room.

    Attributes:
        id: its ID.
        request_id: what the sender calls it; empty if nothing.
        content: its text.
        attributes: what the sender attached.
        user_id: the sender.
        sender_attributes: what the sender's token attached.
    """

    id: str
    request_id: str
    content: str
    attributes: Mapping[str, str]
    user_id: str
    sender_attributes: Mapping[str, str]


def read(text: str | None) -> dict[str, Any]:
    """The request in a text frame; None stands for a binary one.

    Raises:
        ChatError: 400, since it is none.
    """
    if text is None:
        raise ChatError(400, "A request must be a text frame, not a binary one")
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        raise ChatError(400, "A request must be JSON") from None
    if not isinstance(request, dict):
        raise ChatError(400, "A request must be a JSON object")
    return request


def request_id_of(request: Mapping[str, Any]) -> str:
    """The RequestId of a request; empty if it has none.

    Raises:
        ChatError: 400, since it is not one that could be sent back.
    """
    request_id = request.get("RequestId")
    if request_id is None:
        return ""
    if not isinstance(request_id, str) or len(request_id) > _LONGEST_REQUEST_ID or not _is_text(request_id):
        raise ChatError(400, f"RequestId must be a string of at most {_LONGEST_REQUEST_ID:,} characters")
    return request_id


def content_of(request: Mapping[str, Any], longest: int) -> str:
    """The Content of a SEND_MESSAGE, of at most so many code points.

    Raises:
        ChatError: 400, since it is missing, empty, too long or no text.
    """
    content = request.get("Content")
    if not isinstance(content, str) or not content or not _is_text(content):
        raise ChatError(400, "Content must be a string that is not empty")
    if len(content) > longest:
        raise ChatError(400, f"Content must have at most {longest} characters")
    return content


def attributes_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The Attributes of a SEND_MESSAGE.

    Raises:
        ChatError: 400, since they are no texts by name; 413, since they are too large.
    """
    attributes = request.get("Attributes")
    if attributes is None:
        return {}
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise ChatError(400, _ATTRIBUTES)
    if not all(map(_is_text, (*attributes, *attributes.values()))):
        raise ChatError(400, _ATTRIBUTES)
    if size_of(attributes) > LARGEST:
        raise ChatError(413, "Attributes must have at most 1 KB")
    return attributes


def message_entity(message: Message, now: float) -> dict[str, Any]:
    """A message as the room receives it."""
    return {
        "Type": "MESSAGE",
        "Id": message.id,
        "RequestId": message.request_id,
        "Attributes": message.attributes or None,
        "Content": message.content,
        "SendTime": send_time(now),
        "Sender": {"UserId": message.user_id, "Attributes": message.sender_attributes or None},
    }


def event_entity(
    event_id: str, name: str, attributes: Mapping[str, str] | None, request_id: str, now: float
) -> dict[str, Any]:
    """An event as the room receives it."""
    return {
        "Type": "EVENT",
        "Id": event_id,
        "RequestId": request_id,
        "EventName": name,
        "Attributes": attributes or None,
        "SendTime": send_time(now),
    }


def error_entity(error_id: str, error: ChatError, request_id: str) -> dict[str, Any]:
    """An error as the one who asked receives it."""
    return {
        "Type": "ERROR",
        "Id": error_id,
        "RequestId": request_id,
        "ErrorCode": error.code,
        "ErrorMessage": str(error),
    }


def send_time(now: float) -> str:
    """A time in UTC with nanoseconds, such as `2027-01-15T08:00:00.250000000Z`."""
    return timestamp(now).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def encoded(entity: Mapping[str, Any]) -> bytes:
    """An entity as a whole frame. It is the same for everybody, since only clients mask theirs (RFC 6455, 5.1)."""
    body = json.dumps(entity, ensure_ascii=False, separators=(",", ":")).encode()
    size = len(body)
    if size < 126:
        head = bytes((_TEXT_FRAME, size))
    elif size < 1 << 16:
        head = bytes((_TEXT_FRAME, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_TEXT_FRAME, 127)) + size.to_bytes(8, "big")
    return head + body


def _is_text(text: str) -> bool:
    """Whether UTF-8 can write it. JSON can name half of a pair of surrogates."""
    return text.isascii() or text.encode(errors="ignore").decode() == text
