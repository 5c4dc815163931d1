"""IVS Chat's control plane in memory: which calls it admits, and what each operation answers.

Pure: no sockets, no clock. A call comes with the time it is made at, in seconds since 1970.

Sources: service model `ivschat` 2020-07-14 as shipped by botocore for operations and errors; AWS documentation page
"IVS Chat Service Quotas" for rates, which hold per account and region.
"""

from reconciler.bans import AccountRegion
from reconciler.sandbox import errors
from reconciler.sandbox.attributes import problems_of
from reconciler.sandbox.feed import Feed
from reconciler.sandbox.identities import Caller, Identities
from reconciler.sandbox.messaging import Log, Messaging
from reconciler.sandbox.model import check
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.quota import Quotas
from reconciler.sandbox.rooms import Answer, Operation, Params, Rooms
from reconciler.sandbox.tokens import Tokens

_MESSAGING = {"DeleteMessage", "DisconnectUser", "SendEvent"}
_TAGS = {"ListTagsForResource", "TagResource", "UntagResource"}


class Service:
    """The operations of every region, with their quotas. Not thread-safe.

    Args:
        options: what the sandbox is started with.
        now: when its rooms are made, in seconds since 1970.
        chat_log: called with the ARN of a room and with what it receives, and when.
        feed: told what happens in the rooms.

    Attributes:
        options: the quotas and `deny` hold from the next call on if this is replaced.
        rooms: the rooms that exist.
        tokens: the chat tokens that were issued.
        messaging: what happens in the rooms.
        identities: who calls.
    """

    def __init__(
        self, options: SandboxOptions, now: float, chat_log: Log | None = None, feed: Feed | None = None
    ) -> None:
        self.options = options
        self.identities = Identities(options.account, options.seed)
        self.rooms = Rooms(options.account, options.seed)
        for arn in options.rooms:
            self.rooms.add(arn, now, _named(options.room_names.get(arn)))
        region = options.rooms[0].split(":")[3] if options.rooms else "us-west-2"
        for number in range(1, options.more_rooms + 1):
            self.rooms.create(region, {"name": f"room-{number}"}, now)
        self.tokens = Tokens(options.token_lifetime, options.session_lifetime)
        self.messaging = Messaging(self.rooms, self.tokens, self.charge, feed or Feed(), chat_log)
        self._quotas = Quotas()
        self._operations: dict[str, Operation] = {
            "CreateChatToken": self._create_chat_token,
            "CreateRoom": self.rooms.create,
            "DeleteMessage": self._delete_message,
            "DeleteRoom": self._delete_room,
            "DisconnectUser": self._disconnect_user,
            "GetRoom": self.rooms.get,
            "ListRooms": self.rooms.page,
            "ListTagsForResource": self.rooms.list_tags,
            "SendEvent": self._send_event,
            "TagResource": self.rooms.tag,
            "UntagResource": self.rooms.untag,
            "UpdateRoom": self.rooms.update,
        }

    def admit(self, operation: str, region: str, params: Params, now: float, caller: Caller | None = None) -> None:
        """Check a request against the service model, then charge it to the quota of the account in the region.

        The account is that of the room; where the request names none, it is the caller's.

        Which of the two AWS checks first is not documented. Here a malformed request costs nothing of the quota, and
        any other attempt does.

        Raises:
            ServiceError: ValidationException or ThrottlingException.
        """
        if operation not in self._operations:
            raise errors.not_in_the_sandbox(operation, list(self._operations))
        if problems := check(operation, params):
            raise errors.invalid(problems)
        room = _room_in(params)
        account = (caller or self.identities.user).account if room is None else _account_of(room)
        if not self.charge(operation, AccountRegion(account, region), now):
            raise self.throttled(operation, params)

    def charge(self, operation: str, where: AccountRegion, now: float) -> bool:
        """Whether one more call of an operation is within the quota of an account and region."""
        return self._quotas.take((operation, where), self._limit(operation), now)

    def carry_out(
        self, operation: str, region: str, params: Params, now: float, caller: Caller | None = None
    ) -> Answer:
        """Do what an admitted request asks for.

        Args:
            operation: its name.
            region: the region that the request is signed for.
            params: the request.
            now: in seconds since 1970.
            caller: who asks; None is the IAM user, who may call in every account, so that no roles are needed to try
                out a list. A role may call in its own account, and sees the rooms of no other.

        Raises:
            ServiceError: AccessDeniedException for a denied room, whether it exists or not, and for one of another
                account than the role's; ResourceNotFoundException for a room that does not exist in this region.
        """
        room = _room_in(params)
        if room in self.options.deny:
            raise self.access_denied(operation, params, caller)
        if caller is not None and caller.is_role:
            if room is not None and _account_of(room) != caller.account:
                raise self.access_denied(operation, params, caller, policy="resource-based")
            match operation:
                case "CreateRoom":
                    return self.rooms.create(region, params, now, caller.account)
                case "ListRooms":
                    return self.rooms.page(region, params, now, caller.account)
        return self._operations[operation](region, params, now)

    def throttled(self, operation: str, params: Params) -> errors.ServiceError:
        """The error for a call over the quota."""
        return errors.throttled(operation, arn=_room_in(params), limit=self._limit(operation) or 100)

    def access_denied(
        self, operation: str, params: Params, caller: Caller | None, *, policy: str = "identity-based"
    ) -> errors.ServiceError:
        """The error for a call that the caller may not make."""
        arn = (caller or self.identities.user).arn
        return errors.access_denied(operation, caller_arn=arn, resource=_room_in(params) or "*", policy=policy)

    def _create_chat_token(self, region: str, params: Params, now: float) -> Answer:
        self.rooms.existing(params["roomIdentifier"], region)
        return self.tokens.issue(params, now)

    def _delete_room(self, region: str, params: Params, now: float) -> Answer:
        answer = self.rooms.delete(region, params, now)
        self.messaging.close_room(params["identifier"])
        return answer

    def _send_event(self, region: str, params: Params, now: float) -> Answer:
        room = self.rooms.existing(params["roomIdentifier"], region)
        attributes = params.get("attributes") or {}
        if problems := problems_of(attributes):
            raise errors.invalid(problems)
        return Answer(200, {"id": self.messaging.send_event(room.arn, params["eventName"], attributes, "", now)})

    def _delete_message(self, region: str, params: Params, now: float) -> Answer:
        room = self.rooms.existing(params["roomIdentifier"], region)
        deleted = self.messaging.delete_message(room.arn, params["id"], params.get("reason") or "", "", now)
        return Answer(200, {"id": deleted})

    def _disconnect_user(self, region: str, params: Params, now: float) -> Answer:
        room = self.rooms.existing(params["roomIdentifier"], region)
        self.messaging.disconnect_user(room.arn, params["userId"], params.get("reason") or "", "", now)
        return Answer(200, {})

    def _limit(self, operation: str) -> int:
        options = self.options
        if operation in _MESSAGING:
            return options.quota
        if operation == "CreateChatToken":
            return options.token_quota
        return 2 * options.room_quota if operation in _TAGS else options.room_quota


def _named(name: str | None) -> Params:
    """The settings of a room with this name, if the service takes it."""
    settings = {"name": name}
    return {} if check("CreateRoom", settings) else settings


def _account_of(room_arn: str) -> str:
    return room_arn.split(":")[4]


def _room_in(params: Params) -> str | None:
    """The room that a request is about, by whichever name the operation calls it."""
    arn = params.get("roomIdentifier") or params.get("identifier") or params.get("resourceArn")
    return arn if isinstance(arn, str) else None
