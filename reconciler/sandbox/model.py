"""The contract of the service: botocore's shipped `ivschat` service model (API version 2020-07-14).

The sandbox states no limit of its own: which members a request needs, their types, lengths, ranges, patterns
and allowed values are all read from the model that the SDKs themselves are generated from.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

_Json: TypeAlias = Any

# What a JSON value must be for a type of the model. No input of this service has another type.
_TYPES: Mapping[str, tuple[type, str]] = {
    "structure": (dict, "an object"),
    "map": (dict, "an object"),
    "list": (list, "a list"),
    "string": (str, "a string"),
    "integer": (int, "an integer"),
}

# The model's own pattern takes one letter for the kind of resource, and so no ARN of a room: its `+` is missing.
_PATTERNS: Mapping[str, str] = {"ResourceArn": "arn:aws:ivschat:[a-z0-9-]+:[0-9]+:[a-z-]+/[a-zA-Z0-9-]+"}

_MAX_QUERY_FIELDS = 1000
"""More than any request has."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One member of a request that breaks the model: an entry of ValidationException's `fieldList`.

    Attributes:
        name: the member's path: `userId`, `messageReviewHandler.uri`, `loggingConfigurationIdentifiers[0]`.
        message: what is wrong, worded as Smithy's generated servers word it. The wording of this very service is not
            documented, and no client should depend on it.
    """

    name: str
    message: str


@cache
def service_model() -> ServiceModel:
    """The model, read from disk once a process."""
    return ServiceModel(Loader().load_service_model("ivschat", "service-2"), "ivschat")


@lru_cache(maxsize=64)
def operation_at(method: str, path: str) -> str | None:
    """The name of the operation with this HTTP method and (undecoded) request path; None if there is none."""
    for (its_method, pattern), name in _routes().items():
        if method == its_method and pattern.fullmatch(path):
            return name
    return None


@cache
def _routes() -> Mapping[tuple[str, re.Pattern[str]], str]:
    model = service_model()
    routes: dict[tuple[str, re.Pattern[str]], str] = {}
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\\{\w+\\}", ".+", re.escape(http["requestUri"]))
        routes[http["method"], re.compile(pattern)] = name
    return routes


def bound(operation_name: str, path: str, query: str) -> dict[str, Any]:
    """The members of a request that stand in its path and its query instead of its body.

    Args:
        operation_name: the operation that has this path.
        path: the undecoded path.
        query: the undecoded query.

    Raises:
        ValueError: the query has more fields than any request.
    """
    shape = service_model().operation_model(operation_name).input_shape
    members = shape.members if isinstance(shape, StructureShape) else {}
    where = {name: member.serialization.get("location") for name, member in members.items()}
    found: dict[str, Any] = {}
    if "uri" in where.values():
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
        found = {name: fields.get(name) for name, location in where.items() if location == "querystring"}
        label = path.split("/", 2)[2]
        found |= {name: unquote(label) for name, location in where.items() if location == "uri"}
    return found


@cache
def room_arn_pattern() -> re.Pattern[str]:
    """The pattern that a room's ARN must match in full, from the model's shape `RoomArn`."""
    return re.compile(service_model().shape_for("RoomArn").metadata["pattern"])


def check(operation_name: str, params: Mapping[str, object]) -> list[FieldProblem]:
    """Check a request against the input shape of an operation.

    Members that the model does not know are ignored, and `null` is the same as an absent member, as the rest-json
    protocol has it. A length is counted in Unicode code points, a pattern must match the whole value, and `true` is not
    an integer.

    Args:
        operation_name: an operation of the model.
        params: the JSON object of the request.

    Returns:
        Everything that breaks the model; nothing if the request is well-formed.

    Raises:
        botocore.model.OperationNotFoundError: the model has no such operation.
    """
    shape: Shape | None = service_model().operation_model(operation_name).input_shape
    return [] if shape is None else list(_problems(shape, params, ""))


def _problems(shape: Shape, value: _Json, path: str) -> Iterator[FieldProblem]:
    """What is wrong with a JSON value that was found at a path."""
    expected, noun = _TYPES[shape.type_name]
    fits = isinstance(value, expected) and not (expected is int and isinstance(value, bool))
    if not fits:
        yield _problem(path, f"Member must be {noun}")
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            at = f"{path}.{name}" if path else name
            if value.get(name) is not None:
                yield from _problems(member, value[name], at)
            elif name in shape.required_members:
                yield _problem(at, "Member must not be null")
    elif isinstance(shape, MapShape):
        yield from _out_of_bounds(shape, len(value), path)
        for key, member in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, member, f"{path}.value")
    elif isinstance(shape, ListShape):
        yield from _out_of_bounds(shape, len(value), path)
        for index, member in enumerate(value):
            yield from _problems(shape.member, member, f"{path}[{index}]")
    elif expected is str:
        yield from _text_problems(shape, value, path)
    elif expected is int:
        yield from _out_of_bounds(shape, value, path, is_length=False)


def _text_problems(shape: Shape, value: str, path: str) -> Iterator[FieldProblem]:
    too_long = list(_out_of_bounds(shape, len(value), path))
    if too_long:  # patterns only see values of bounded length
        yield from too_long
        return
    allowed: list[str] | None = shape.metadata.get("enum")
    if allowed is not None and value not in allowed:
        yield _problem(path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern: str | None = _PATTERNS.get(shape.name) or shape.metadata.get("pattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        yield _problem(path, f"Member must satisfy regular expression pattern: {pattern}")
    if not value.isascii() and value.encode(errors="ignore").decode() != value:
        yield _problem(path, "Member must be UTF-8 text")  # JSON can write a lone surrogate, UTF-8 cannot


def _out_of_bounds(shape: Shape, number: int, path: str, *, is_length: bool = True) -> Iterator[FieldProblem]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is None or number >= low) and (high is None or number <= high):
        return
    if low is not None and high is not None:
        bounds = f"between {low} and {high}, inclusive"
    else:
        bounds = f"less than or equal to {high}" if low is None else f"greater than or equal to {low}"
    if is_length:
        yield _problem(path, f"Member must have length {bounds}", value=f"Value with length {number}")
    else:
        yield _problem(path, f"Member must be {bounds}")


def _problem(path: str, constraint: str, *, value: str = "Value") -> FieldProblem:
    return FieldProblem(path, f"{value} at '{path}' failed to satisfy constraint: {constraint}")
