"""User IDs that need a second look, told from the others while a text is read: there may be a million of them."""

import re
from typing import Final

USER_ID: Final = "user_id"

# Latin that begins with no quote, has no space at either end, and no comma before a space. Or letters that are written
# together, each of them one character in Unicode's form NFC: Cyrillic; Japanese with Latin; Korean with Latin.
_CLEAN: Final = re.compile(
    r"[!#-&(-_a-~À-ÖØ-öø-ÿ][!-+\--~À-ÖØ-öø-ÿ]*(?:(?:,(?! )| +(?=[!-~À-ÖØ-öø-ÿ]))[!-+\--~À-ÖØ-öø-ÿ]*)*"
    r"|[А-яЁё0-9_.-]+|[ぁ-ゖァ-ヺー一-鿿A-Za-z0-9_.-]+|[가-힣A-Za-z0-9_.-]+"
)
is_clean = _CLEAN.fullmatch
"""Whether there is nothing odd about a text, as one match shows for nearly all; the others need a second look."""
