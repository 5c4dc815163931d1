"""The contract of the service: botocore's shipped `ivschat` service model (API version 2020-07-14).

The sandbox states no limit of its own: which members a request needs, their types, lengths, ranges, patterns
and allowed values are all read from the model that the SDKs themselves are generated from.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One member of a request that breaks the model: an entry of ValidationException's `fieldList`.

    `name` is the member's path (`userId`, `messageReviewHandler.uri`, `loggingConfigurationIdentifiers[0]`).
    `message` is worded as Smithy's generated servers word it; the wording of this very service is not
    documented, and no client should depend on it.
    """

    name: str
    message: str


Check: TypeAlias = Callable[[object, str, list[FieldProblem]], None]
"""Checks a JSON value found at a path, and adds what is wrong to the list."""


@cache
def service_model() -> ServiceModel:
    """The model, read from disk once a process."""
    return ServiceModel(Loader().load_service_model("ivschat", "service-2"), "ivschat")


@lru_cache(maxsize=64)
def operation_at(method: str, path: str) -> str | None:
    """The name of the operation with this HTTP method and (undecoded) request path; None: there is none."""
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


@cache
def room_arn_pattern() -> re.Pattern[str]:
    """The pattern that a room's ARN must match in full, from the model's shape `RoomArn`; group 1 is its region."""
    pattern: str = service_model().shape_for("RoomArn").metadata["pattern"]
    return re.compile(pattern.replace("[a-z0-9-]+", "([a-z0-9-]+)", 1))


def check(operation_name: str, params: Mapping[str, object]) -> list[FieldProblem]:
    """Everything in `params` (a request's JSON object) that breaks the input shape of an operation of the model.

    An empty list: the request is well-formed. Members that the model does not know are ignored, and `null` is
    the same as an absent member, as the rest-json protocol has it. A length is counted in Unicode code points,
    a pattern must match the whole value, and `true` is not an integer.

    Raises botocore.model.OperationNotFoundError for an operation that is not in the model.
    """
    problems: list[FieldProblem] = []
    _input_check(operation_name)(params, "", problems)
    return problems


@cache
def _input_check(operation_name: str) -> Check:
    shape: Shape | None = service_model().operation_model(operation_name).input_shape
    return _anything if shape is None else _compile(shape)


def _anything(_value: object, _path: str, _problems: list[FieldProblem]) -> None:
    pass


def _compile(shape: Shape) -> Check:
    """The check of one shape. A type that no input of this service has (a blob, a timestamp) is not checked."""
    if isinstance(shape, StructureShape):
        return _structure(shape)
    if isinstance(shape, MapShape):
        return _map(shape)
    if isinstance(shape, ListShape):
        return _list(shape)
    match shape.type_name:
        case "string":
            return _string(shape)
        case "integer" | "long":
            return _integer(shape)
        case "boolean":
            return _boolean
    return _anything


def _structure(shape: StructureShape) -> Check:
    members = {name: _compile(member) for name, member in shape.members.items()}
    required = frozenset(shape.required_members)

    def check_structure(value: object, path: str, problems: list[FieldProblem]) -> None:
        if not isinstance(value, dict):
            problems.append(_problem(path, "Member must be an object"))
            return
        for name, check_member in members.items():
            at = f"{path}.{name}" if path else name
            member = value.get(name)
            if member is not None:
                check_member(member, at, problems)
            elif name in required:
                problems.append(_problem(at, "Member must not be null"))

    return check_structure


def _map(shape: MapShape) -> Check:
    check_size, check_key, check_value = _length(shape), _compile(shape.key), _compile(shape.value)

    def check_map(value: object, path: str, problems: list[FieldProblem]) -> None:
        if not isinstance(value, dict):
            problems.append(_problem(path, "Member must be an object"))
            return
        check_size(len(value), path, problems)
        for key, member in value.items():
            check_key(key, f"{path}.key", problems)
            check_value(member, f"{path}.value", problems)

    return check_map


def _list(shape: ListShape) -> Check:
    check_size, check_member = _length(shape), _compile(shape.member)

    def check_list(value: object, path: str, problems: list[FieldProblem]) -> None:
        if not isinstance(value, list):
            problems.append(_problem(path, "Member must be a list"))
            return
        check_size(len(value), path, problems)
        for index, member in enumerate(value):
            check_member(member, f"{path}[{index}]", problems)

    return check_list


def _string(shape: Shape) -> Check:
    check_size = _length(shape)
    allowed: list[str] | None = shape.metadata.get("enum")
    pattern: str | None = shape.metadata.get("pattern")
    matches = None if pattern is None else re.compile(pattern).fullmatch

    def check_string(value: object, path: str, problems: list[FieldProblem]) -> None:
        if not isinstance(value, str):
            problems.append(_problem(path, "Member must be a string"))
            return
        before = len(problems)
        check_size(len(value), path, problems)
        if len(problems) > before:
            return  # Patterns only see values of bounded length.
        if allowed is not None and value not in allowed:
            problems.append(_problem(path, f"Member must satisfy enum value set: [{', '.join(allowed)}]"))
        if matches is not None and not matches(value):
            problems.append(_problem(path, f"Member must satisfy regular expression pattern: {pattern}"))
        if not _is_utf8(value):
            problems.append(_problem(path, "Member must be UTF-8 text"))

    return check_string


def _integer(shape: Shape) -> Check:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    bounds = _bounds("be", low, high)

    def check_integer(value: object, path: str, problems: list[FieldProblem]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.append(_problem(path, "Member must be an integer"))
        elif (low is not None and value < low) or (high is not None and value > high):
            problems.append(_problem(path, bounds))

    return check_integer


def _boolean(value: object, path: str, problems: list[FieldProblem]) -> None:
    if not isinstance(value, bool):
        problems.append(_problem(path, "Member must be a boolean"))


def _length(shape: Shape) -> Callable[[int, str, list[FieldProblem]], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    bounds = _bounds("have length", low, high)

    def check_length(length: int, path: str, problems: list[FieldProblem]) -> None:
        if (low is not None and length < low) or (high is not None and length > high):
            problems.append(_problem(path, bounds, value=f"Value with length {length}"))

    return check_length


def _bounds(verb: str, low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"Member must {verb} between {low} and {high}, inclusive"
    if low is not None:
        return f"Member must {verb} greater than or equal to {low}"
    return f"Member must {verb} less than or equal to {high}"


def _is_utf8(text: str) -> bool:
    """False for text with a lone surrogate, which JSON has an escape for and UTF-8 has not."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _problem(path: str, constraint: str, *, value: str = "Value") -> FieldProblem:
    return FieldProblem(path, f"{value} at '{path}' failed to satisfy constraint: {constraint}")
