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
from reconciler.sandbox.faults import Faults, Unanswered
from reconciler.sandbox.identities import Caller, Identities
from reconciler.sandbox.kinds import FaultKind
from reconciler.sandbox.model import bound, operation_at
from reconciler.sandbox.request import Request, timestamp
from reconciler.sandbox.service import Service
from reconciler.sandbox.signature import scope_of

MAX_BODY = 64 * 1024
"""Bytes of the longest body that is read. The longest well-formed request of the service is far shorter."""

_PROBES = {("GET", "/health"), ("HEAD", "/health")}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request.

    Attributes:
        method: its method.
        path: its path, undecoded and without the query.
        authorization: the header of that name; None if there is none.
        body: its body; None if that is longer than MAX_BODY.
        query: its query, undecoded.
    """

    method: str
    path: str
    authorization: str | None
    body: bytes | None
    query: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to do about a request.

    Attributes:
        fate: `answer` sends the rest, `cut` closes the connection without a word, `hang` leaves it unanswered.
        status: the HTTP status.
        headers: the headers.
        body: the body.
        request: what to remember; None for a mere probe.
    """

    fate: Literal["answer", "cut", "hang"]
    status: int
    headers: dict[str, str]
    body: bytes
    request: Request | None


class _Exchange:
    """A request on its way: what is known of it so far, to be remembered whatever becomes of it."""

    def __init__(self, http: HttpRequest) -> None:
        self.http = http
        self.is_query = http.method == "POST" and http.path == "/"  # STS's protocol: a form in, XML out
        self.request_id = str(uuid.uuid4())
        self.operation = f"{http.method} {http.path}"[:200]
        self.region = ""
        self.caller: Caller | None = None
        self.params: dict[str, Any] = {}

    def authenticate(self, service: str, identities: Identities, now: float) -> Caller:
        """Find out the region, and who calls. Raises ServiceError for a request that is not signed for this service."""
        scope = scope_of(self.http.authorization)
        self.region = scope.region
        if scope.service != service:
            raise errors.wrong_scope(service)
        self.caller = identities.of(scope.key, now)
        return self.caller

    def remembered(self, now: float, status: int | None, error: str | None) -> Request:
        caller = "" if self.caller is None else self.caller.arn
        return Request(timestamp(now), self.operation, self.region, self.params, status, error, self.request_id, caller)


class Dispatcher:
    """Takes each request to the operation that answers it: IVS Chat's in every region, and STS's. Not thread-safe."""

    def __init__(self, service: Service, faults: Faults) -> None:
        self._service = service
        self._faults = faults

    def reply(self, request: HttpRequest, now: float) -> Reply:
        """The reply to one request. Raises nothing.

        Args:
            request: the request.
            now: when it arrives, in seconds since 1970.
        """
        if (request.method, request.path) in _PROBES:
            return Reply("answer", 200, {"Content-Type": "text/plain"}, b"reconciler sandbox\n", None)
        exchange = _Exchange(request)
        headers = {
            "x-amzn-RequestId": exchange.request_id,
            "Content-Type": "text/xml" if exchange.is_query else "application/json",
        }
        code = None
        try:
            status, body = self._sts(exchange, now) if exchange.is_query else self._ivschat(exchange, now)
        except ServiceError as error:
            status, code = error.status, error.code
            headers["x-amzn-ErrorType"] = code
            in_xml = exchange.is_query
            body = sts.error_document(error, exchange.request_id) if in_xml else json.dumps(error.body).encode()
        except Unanswered as fault:
            fate: Literal["cut", "hang"] = "hang" if fault.kind == "timeout" else "cut"
            return Reply(fate, 0, {}, b"", exchange.remembered(now, None, fault.kind))
        return Reply("answer", status, headers, body, exchange.remembered(now, status, code))

    def _ivschat(self, exchange: _Exchange, now: float) -> tuple[int, bytes]:
        """Status and body of the answer."""
        http = exchange.http
        caller = exchange.authenticate("ivschat", self._service.identities, now)
        operation = operation_at(http.method, http.path)
        if operation is None:
            raise errors.unknown_operation(http.method, http.path[:200])
        exchange.operation = operation
        params = exchange.params = _json_object(http.body) | _bound(operation, http)
        self._service.admit(operation, exchange.region, params, now, caller)
        kind = self._faults.next()
        if kind is not None and kind != "cut-after":
            raise self._fault(kind, operation, params, caller)
        answer = self._service.carry_out(operation, exchange.region, params, now, caller)
        if kind == "cut-after":
            raise Unanswered(kind)
        return answer.status, b"" if answer.body is None else json.dumps(answer.body).encode()

    def _fault(self, kind: FaultKind, operation: str, params: dict[str, Any], caller: Caller) -> Exception:
        match kind:
            case "500":
                return errors.internal_failure()
            case "503":
                return errors.unavailable()
            case "429":
                return self._service.throttled(operation, params)
            case "denied":
                return self._service.access_denied(operation, params, caller)
            case "pending":
                return errors.pending_verification()
            case "expired":
                return errors.expired_token()
            case "bad-credentials":
                return errors.unrecognized_client()
            case "cut" | "cut-after" | "timeout":
                return Unanswered(kind)

    def _sts(self, exchange: _Exchange, now: float) -> tuple[int, bytes]:
        """Status and body of the answer."""
        service = self._service
        caller = exchange.authenticate("sts", service.identities, now)
        fields = sts.fields_of(exchange.http.body or b"")
        action = fields.pop("Action", "")
        match action:
            case "GetCallerIdentity":
                exchange.operation = action
                return 200, sts.caller_identity(caller, exchange.request_id)
            case "AssumeRole":
                exchange.operation = action
                fields.pop("Version", None)
                exchange.params = dict(fields)
                denied = fields.get("RoleArn") in service.options.deny
                assumed = service.identities.assume(fields, caller, denied=denied, now=now)
                return 200, sts.assumed_role(assumed, exchange.request_id)
        raise sts.unknown_action(action[:200])


def _bound(operation: str, http: HttpRequest) -> dict[str, Any]:
    """The members of a request that are not in its body.

    Raises:
        ServiceError: SerializationException.
    """
    try:
        return bound(operation, http.path, http.query)
    except ValueError:
        raise errors.unreadable_body("The query has too many fields") from None


def _json_object(body: bytes | None) -> dict[str, Any]:
    """The JSON object that a body is; an empty body stands for an empty object.

    Raises:
        ServiceError: SerializationException for anything else, as rest-json services answer.
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
    """A number of JSON.

    Raises:
        ValueError: JSON cannot write it again: NaN, Infinity, 1e999.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
