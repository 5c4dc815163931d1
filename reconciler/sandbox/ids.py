"""IDs as the service makes them, for rooms, messages and events: the model's shapes RoomID, MessageID and ID."""

import random
import string

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 12


def new_id(source: random.Random) -> str:
    """Twelve letters and digits."""
    return "".join(source.choices(_LETTERS, k=_LENGTH))
