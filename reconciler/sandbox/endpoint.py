"""From an HTTP request to its answer: authentication, routing, reading of the body, injected faults.

Pure: a request and the time go in, a `Reply` comes out that says what to send, if anything. Sources: the rest-json
protocol as the SDKs speak it (error code in `x-amzn-ErrorType`, members in a JSON body, `x-amzn-RequestId` on every
answer), and the service model `ivschat` 2020-07-14 as shipped by botocore for methods and paths.
"""

import json
import math
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.sandbox import errors, sts
from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.faults import FaultKind, Faults
from reconciler.sandbox.model import operation_at
from reconciler.sandbox.request import Request, timestamp
from reconciler.sandbox.service import Answer, Service
from reconciler.sandbox.signature import scope_of

MAX_BODY = 64 * 1024
"""Bytes of the longest body that is read. The longest well-formed request of the service is far shorter."""

_JSON = "application/json"
_XML = "text/xml"
_PROBES = {("GET", "/"), ("HEAD", "/"), ("GET", "/health"), ("HEAD", "/health")}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request: `path` is undecoded and has no query; `body` is None when it is longer than MAX_BODY."""

    method: str
    path: str
    authorization: str | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What to do about a request.

    `fate` is `answer`: send the rest; `cut`: close the connection without a word; `hang`: leave it unanswered.
    `request` is what to remember, None for a mere probe.
    """

    fate: Literal["answer", "cut", "hang"]
    status: int
    headers: dict[str, str]
    body: bytes
    request: Request | None


class _FaultError(Exception):
    """A fault that leaves the request unanswered."""

    def __init__(self, kind: FaultKind) -> None:
        super().__init__(kind)
        self.kind: FaultKind = kind


class _Exchange:
    """A request on its way: what is known of it so far, to be remembered whatever becomes of it."""

    def __init__(self, http: HttpRequest) -> None:
        self.http = http
        self.request_id = str(uuid.uuid4())
        self.operation = f"{http.method} {http.path}"[:200]
        self.region = ""
        self.params: dict[str, Any] = {}

    @property
    def is_query(self) -> bool:
        """Whether it speaks STS's protocol (a form in, XML out): whatever is posted to `/`."""
        return self.http.method == "POST" and self.http.path == "/"

    def success(self, answer: Answer, now: float) -> Reply:
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        return self.answer(answer.status, _JSON, body, now, error=None)

    def error(self, error: ServiceError, now: float) -> Reply:
        if self.is_query:
            return self.answer(error.status, _XML, sts.error_document(error, self.request_id), now, error=error.code)
        return self.answer(error.status, _JSON, json.dumps(error.body).encode(), now, error=error.code)

    def answer(self, status: int, content_type: str, body: bytes, now: float, *, error: str | None) -> Reply:
        headers = {"x-amzn-RequestId": self.request_id, "Content-Type": content_type}
        if error is not None:
            headers["x-amzn-ErrorType"] = error
        return Reply("answer", status, headers, body, self._record(now, status, error))

    def unanswered(self, kind: FaultKind, now: float) -> Reply:
        return Reply("hang" if kind == "timeout" else "cut", 0, {}, b"", self._record(now, None, kind))

    def _record(self, now: float, status: int | None, error: str | None) -> Request:
        return Request(timestamp(now), self.operation, self.region, self.params, status, error, self.request_id)


class Endpoint:
    """The sandbox's one endpoint, for IVS Chat in every region and for STS. Not thread-safe."""

    def __init__(self, service: Service, faults: Faults) -> None:
        self._service = service
        self._faults = faults

    def reply(self, request: HttpRequest, now: float) -> Reply:
        """The reply to one request that arrives at `now`, in seconds since 1970. Raises nothing."""
        if (request.method, request.path) in _PROBES:
            return Reply("answer", 200, {"Content-Type": "text/plain"}, b"reconciler sandbox\n", None)
        exchange = _Exchange(request)
        try:
            if exchange.is_query:
                return self._sts(exchange, now)
            return self._ivschat(exchange, now)
        except ServiceError as error:
            return exchange.error(error, now)
        except _FaultError as fault:
            return exchange.unanswered(fault.kind, now)

    def _ivschat(self, exchange: _Exchange, now: float) -> Reply:
        http = exchange.http
        scope = scope_of(http.authorization)
        exchange.region = scope.region
        if scope.service != "ivschat":
            raise errors.wrong_scope("ivschat")
        operation = operation_at(http.method, http.path)
        if operation is None:
            raise errors.unknown_operation(http.method, http.path[:200])
        exchange.operation = operation
        params = exchange.params = _json_object(http.body)
        self._service.admit(operation, scope.region, params, now)
        kind = self._faults.next()
        if kind is not None and kind != "cut-after":
            raise self._fault(kind, operation, params)
        answer = self._service.carry_out(operation, scope.region, params, now)
        if kind == "cut-after":
            raise _FaultError(kind)
        return exchange.success(answer, now)

    def _fault(self, kind: FaultKind, operation: str, params: dict[str, Any]) -> Exception:
        match kind:
            case "500":
                return errors.internal_failure()
            case "503":
                return errors.unavailable()
            case "429":
                return self._service.throttled(operation, params)
            case "denied":
                return self._service.access_denied(operation, params)
            case "pending":
                return errors.pending_verification()
            case "expired":
                return errors.expired_token()
            case "bad-credentials":
                return errors.unrecognized_client()
            case "cut" | "cut-after" | "timeout":
                return _FaultError(kind)

    def _sts(self, exchange: _Exchange, now: float) -> Reply:
        scope = scope_of(exchange.http.authorization)
        exchange.region = scope.region
        if scope.service != "sts":
            raise errors.wrong_scope("sts")
        action = sts.action_of(exchange.http.body or b"")
        if action != "GetCallerIdentity":
            raise sts.unknown_action(action[:200])
        exchange.operation = action
        identity = sts.caller_identity(self._service.account, self._service.caller_arn, exchange.request_id)
        return exchange.answer(200, _XML, identity, now, error=None)


def _json_object(body: bytes | None) -> dict[str, Any]:
    """The JSON object that a body is; an empty body stands for an empty object.

    Raises ServiceError (SerializationException) for anything else, as rest-json services do.
    """
    if body is None:
        raise errors.unreadable_body(f"The body is longer than {MAX_BODY} bytes")
    if not body:
        return {}
    try:
        value = json.loads(body.decode(), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise errors.unreadable_body("The body is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise errors.unreadable_body("The body is JSON, but not an object")
    return value


def _finite(text: str) -> float:
    """A number of JSON. Raises ValueError for what JSON can't write again: NaN, Infinity, 1e999."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
