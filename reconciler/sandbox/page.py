"""The sandbox's page, and what a browser is told to let it do: nothing but talk to the sandbox.

Whatever a user wrote is text there. The page makes no markup of text, and the policy has the browser refuse to
(`require-trusted-types-for`), as it refuses any script but the page's own.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

GUARDED: Final[Mapping[str, str]] = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
"""Headers of every answer, so that no other page can take it for a script, a style or a picture of its own."""


@cache
def html() -> bytes:
    """The page: one file, with its style and its script in it."""
    return files("reconciler.sandbox").joinpath("page.html").read_bytes()


@cache
def headers() -> Mapping[str, str]:
    """What the page is answered with."""
    policy = (
        "default-src 'none'",
        f"script-src {_hash_of('script')}",
        f"style-src {_hash_of('style')}",
        "img-src data:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _hash_of(element: str) -> str:
    """What the page's one element of this name contains, as a source of the policy."""
    (content,) = re.findall(rf"<{element}>(.*?)</{element}>".encode(), html(), re.DOTALL)
    return f"'sha256-{b64encode(sha256(content).digest()).decode()}'"
