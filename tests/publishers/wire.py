"""Answers in place of the service's own, just before a request would leave."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

Answer = tuple[int, Mapping[str, Any] | str]
"""Status and body: JSON, or text as it is."""


class _Raw(BytesIO):
    def stream(self, **_ignored: object) -> "list[bytes]":
        return [self.read()]


def answering(client: Any, operation: str, respond: Callable[[bytes], Answer | None]) -> list[bytes]:
    """Let `respond` answer an operation from here on; None lets the request through.

    Returns:
        The bodies of all requests, as they come.
    """
    seen: list[bytes] = []

    def before_send(request: AWSPreparedRequest, **_event: object) -> AWSResponse | None:
        body = request.body if isinstance(request.body, bytes) else b""
        seen.append(body)
        answer = respond(body)
        if answer is None:
            return None
        status, content = answer
        text = content if isinstance(content, str) else json.dumps(content)
        headers = HTTPHeaders()
        if not isinstance(content, str):
            headers["x-amzn-RequestId"] = "id"
        return AWSResponse(request.url, status, headers, _Raw(text.encode()))

    service = client.meta.service_model.service_name
    client.meta.events.register(f"before-send.{service}.{operation}", before_send)
    return seen


def s3_error(status: int, code: str, message: str = "said the service") -> Answer:
    return status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


def error(code: str, message: str = "said the service", status: int = 400) -> Answer:
    return status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
