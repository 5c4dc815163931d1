"""Message review handlers at an HTTP address, called with Lambda's invoke protocol."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import ClientError, ClientSession, TCPConnector

from reconciler.sandbox.review import Review

PATIENCE = 0.2
"""Seconds that a handler has (IVS Chat Service Quotas, "Message review handler timeout period")."""

_LONGEST_ANSWER = 64 * 1024


class Handlers:
    """The handlers that can be reached. Made in a running event loop.

    Args:
        urls: the address of each, by the ARN that rooms call it.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._session = ClientSession(connector=TCPConnector(limit=0))

    async def answer(self, review: Review) -> bytes | None:
        """What the handler of a message says; None if it has no address, fails, or is not done in time."""
        url = self._urls.get(review.handler)
        if url is None:
            return None
        with suppress(TimeoutError, ClientError, OSError, ValueError):
            async with (
                asyncio.timeout(PATIENCE),
                self._session.post(url, json=review.event, allow_redirects=False) as response,
            ):
                if response.status != 200 or "X-Amz-Function-Error" in response.headers:
                    return None
                answer = b""
                async for chunk in response.content.iter_any():
                    answer += chunk
                    if len(answer) > _LONGEST_ANSWER:
                        return None
                return answer
        return None

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()
