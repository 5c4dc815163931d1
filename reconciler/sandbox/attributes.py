"""The attributes of tokens, messages and events: texts by name, together at most 1 KB.

Source: service model `ivschat` 2020-07-14 as shipped by botocore, CreateChatToken and SendEvent. What counts towards
the limit is not documented; here it is the UTF-8 of all names and texts.
"""

from collections.abc import Mapping

from reconciler.sandbox.model import FieldProblem

LARGEST = 1024
"""Bytes of all names and texts together."""


def size_of(attributes: Mapping[str, str]) -> int:
    """The bytes that count towards the limit."""
    return sum(len(text.encode()) for pair in attributes.items() for text in pair)


def problems_of(attributes: Mapping[str, str]) -> list[FieldProblem]:
    """What is wrong with the attributes of a request to the control plane, beyond what the model says."""
    if size_of(attributes) <= LARGEST:
        return []
    return [
        FieldProblem("attributes", "Value at 'attributes' failed to satisfy constraint: Member must have at most 1 KB")
    ]
