"""User IDs that need a second look, told from the others while a text is read: there may be a million of them."""

import re
from functools import cache
from typing import Final

USER_ID: Final = "user_id"

may_be_odd = re.compile("[^!#-&(-_a-~]").search
"""Whether a text has a quote, a space, or anything else than visible ASCII: one search, and mostly without a match."""


def is_clean(text: str) -> bool:
    """Whether there is nothing odd about a text; some others have nothing odd about them either."""
    return _clean().fullmatch(text) is not None


@cache
def _clean() -> re.Pattern[str]:
    """Made when it is needed, since that takes a while.

    Latin that begins with no quote, has no space at either end, and no comma before a space. Or letters that are
    written together, each of them one character in Unicode's form NFC: Cyrillic, Japanese and Latin, Korean and Latin.
    """
    return re.compile(
        r"[!#-&(-_a-~À-ÖØ-öø-ÿ][!-+\--~À-ÖØ-öø-ÿ]*(?:(?:,(?! )| +(?=[!-~À-ÖØ-öø-ÿ]))[!-+\--~À-ÖØ-öø-ÿ]*)*"
        r"|[А-яЁё0-9_.-]+|[ぁ-ゖァ-ヺー一-鿿A-Za-z0-9_.-]+|[가-힣A-Za-z0-9_.-]+"
    )
