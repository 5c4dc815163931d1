"""The JSON Schema (2020-12) of `bans.yaml`, for editors and other tools that check YAML files.

Keys, lengths and limits come from `reconciler.banlist.schema`; here is what people read about each key, and how those
tools see its values. They parse YAML's types, where this program reads text throughout: to them `rate: 50` and
`note: 4211` are numbers. So numbers and truth values pass wherever a text is meant, except in user IDs: such a tool
takes `user_id: 00123` for 123 or 83, and only quotes (see `reconciler.banlist.format`) make it the same for everybody.

A schema sees one value at a time. Unknown rooms, users who are banned twice and dates that do not exist are left to
`reconciler validate`, which has the last word.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from reconciler.banlist.schema import (
    ALL_ROOMS,
    DENYLIST_NAME_PATTERN,
    EXAMPLE_ARN,
    EXAMPLE_ROLE,
    EXAMPLE_TIME,
    EXTERNAL_ID_PATTERN,
    NEVER,
    SHAPES,
)
from reconciler.bans import EVERYWHERE_NAME, ROOM_ARN_MAX, USER_ID_MAX

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TIME: Final = (
    rf"^(?:{NEVER}|[0-9]{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))$"
)
# No step of the path is empty, `.`, `..` or `**`.
_RELATIVE: Final = r"^(?!(?:.*/)?(?:\.\.?|\*\*)?(?:/|$))[^\\]+$"
_USER_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": USER_ID_MAX}
_TEXT: Final[Schema] = {"type": ["string", "number", "boolean"], "minLength": 1}
_ROOM_REFS: Final[Schema] = {
    "anyOf": [{"enum": [ALL_ROOMS, EVERYWHERE_NAME]}, {"type": "array", "minItems": 1, "items": _TEXT}]
}
_DENYLIST_PLACE: Final = (
    r"^(?:s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+|dynamodb://[a-z]{2}(?:-[a-z0-9]+)+/[A-Za-z0-9_.-]{3,255}"
    r"|(?!.*://).+)$"
)
_TABLE: Final = r"^dynamodb://[a-z]{2}(?:-[a-z0-9]+)+/[A-Za-z0-9_.-]{3,255}$"


@dataclass(frozen=True, slots=True)
class Key:
    """What the schema says about a key of the ban list.

    Attributes:
        description: for the moderator who hovers over it in an editor.
        examples: values, as an editor may offer them.
        shape: its schema, where pydantic's does not say it all.
    """

    description: str
    examples: tuple[object, ...] = ()
    shape: Schema | None = None


KEYS: Final[Mapping[str, Mapping[str, Key]]] = {
    "": {
        "version": Key("The version of this file's format. Always 1.", (1,), {"enum": [1, "1"]}),
        "state": Key(
            "Where the state, who has been banned already, is kept: a path from the folder of this file, or s3://BUCKET/KEY."
            " Without it, bans.state.json.",
            ("bans.state.json", "s3://my-bucket/bans.state.json"),
        ),
        "rate": Key(
            "How many users may be disconnected a second, in each AWS account and region. Change it only if your quota"
            " for DisconnectUser is not 100.",
            (100,),
        ),
        "rooms": Key(
            "Names for the chat rooms, each with the room's ARN from the Amazon IVS console. The names are used below,"
            " and in plans.",
            ({"lobby": EXAMPLE_ARN},),
        ),
        "defaults": Key(
            "Values for bans that leave a key out.",
            ({"rooms": ["lobby"], "reason": "Against the rules"},),
            {"anyOf": [{"$ref": "#/$defs/defaults"}, {"type": "null"}]},
        ),
        "guardrails": Key(
            "Brakes against mistakes: a plan that goes beyond them is refused.",
            ({"max_bans": 1000},),
            {"anyOf": [{"$ref": "#/$defs/guardrails"}, {"type": "null"}]},
        ),
        "include": Key(
            "More files with bans, as paths from the folder of this file; * stands for any name. Such a file holds just"
            " `bans`.",
            (["bans.d/*.yaml"],),
            {
                "type": ["array", "null"],
                "minItems": 1,
                "items": {"type": "string", "minLength": 1, "pattern": _RELATIVE},
            },
        ),
        "denylist": Key(
            "Where everybody who is banned now is published for token services to read: a path from the folder of this"
            " file, s3://BUCKET/KEY or dynamodb://REGION/TABLE. Or a mapping with `location` and more.",
            ("bans.denylist.json", "dynamodb://us-west-2/bans"),
            {"anyOf": [{"type": "string", "pattern": _DENYLIST_PLACE}, {"$ref": "#/$defs/denylist"}, {"type": "null"}]},
        ),
        "discover": Key(
            "Rooms to find when bans are applied, besides those under `rooms`: users who are banned everywhere are"
            " disconnected from them too.",
            ([{"region": "us-west-2", "name_prefix": "live-"}],),
            {"type": ["array", "null"], "items": {"$ref": "#/$defs/discover"}},
        ),
        "accounts": Key(
            "Who calls in which AWS account, for lists with rooms in several: the account number, in quotes, and its"
            " role or profile. In other accounts, the usual AWS credentials call.",
            ({"123456789012": {"role_arn": EXAMPLE_ROLE}},),
            {
                "type": ["object", "null"],
                "propertyNames": {"pattern": "^[0-9]{12}$"},
                "additionalProperties": {"$ref": "#/$defs/accounts"},
            },
        ),
        "bans": Key(
            "Who is banned: one entry for each user. To ban somebody, add an entry; to lift a ban, remove it."
            " To ban nobody, write [].",
            ([{"user_id": "ABC123def456", "rooms": ["lobby"], "reason": "Spam"}],),
            {"type": "array", "items": {"$ref": "#/$defs/ban"}},
        ),
    },
    "defaults": {
        "rooms": Key("The rooms for bans that name none.", (["lobby"], ALL_ROOMS, EVERYWHERE_NAME), _ROOM_REFS),
        "reason": Key("The reason for bans that give none. Public: everybody in the room sees it.", ("Spam",)),
        "expires_at": Key(
            "When bans end that give no end themselves. A ban with `expires_at: never` is for good all the same.",
            (EXAMPLE_TIME,),
        ),
    },
    "guardrails": {
        "max_bans": Key("A plan with more new bans than this is refused. Without it, 1000.", (1000,)),
        "max_lift_percent": Key(
            "A plan that lifts more than this share (in percent) of 10 or more bans is refused. Without it, 30.", (30,)
        ),
        "max_everywhere": Key(
            "A plan with more new bans than this in every room there is (`rooms: everywhere`) is refused. Without it,"
            " 10.",
            (10,),
        ),
        "protected_users": Key(
            "User IDs that may never be banned; * stands for any text. Put each that looks like a number in quotes.",
            (["host-*"],),
            {"type": ["array", "null"], "items": {"type": "string", "minLength": 1}},
        ),
    },
    "denylist": {
        "location": Key(
            "A path from the folder of this file, s3://BUCKET/KEY or dynamodb://REGION/TABLE.",
            ("dynamodb://us-west-2/bans",),
            {"type": "string", "pattern": _DENYLIST_PLACE},
        ),
        "name": Key(
            "Tells apart the lists that share a table. Without it, bans.",
            ("bans",),
            {"type": ["string", "null"], "pattern": DENYLIST_NAME_PATTERN},
        ),
        "settle_after": Key(
            "How many seconds after a ban was published the user is disconnected once more, since a token from before"
            " the ban may connect until then. Without it, 90.",
            (90,),
        ),
        "token_records": Key(
            "The table in which token services record whom they gave tokens for which room: dynamodb://REGION/TABLE."
            " Name it once every token service has recorded tokens for 181 minutes.",
            ("dynamodb://us-west-2/chat-tokens",),
            {"type": ["string", "null"], "pattern": _TABLE},
        ),
    },
    "discover": {
        "region": Key("The AWS region to look in.", ("us-west-2",)),
        "account": Key(
            "The AWS account number; in quotes. Without it, the account of the credentials.",
            ("123456789012",),
            {"type": ["string", "number", "null"]},
        ),
        "name_prefix": Key("Only rooms whose names begin like this.", ("live-",)),
        "tags": Key(
            "Only rooms with these tags.",
            ({"stage": "production"},),
            {"type": ["object", "null"], "additionalProperties": _TEXT},
        ),
    },
    "accounts": {
        "role_arn": Key(
            "The role to assume for calls in this account. It belongs to the account itself.",
            (EXAMPLE_ROLE,),
            {
                "type": ["string", "null"],
                "pattern": r"^arn:aws:iam::[0-9]{12}:role/(?:[\x21-\x7e]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}$",
            },
        ),
        "external_id": Key(
            "The external ID that the trust policy of the role asks for, if it does.",
            ("moderation",),
            {"type": ["string", "number", "null"], "pattern": EXTERNAL_ID_PATTERN},
        ),
        "profile": Key("In place of a role: the profile of the AWS configuration to use.", ("esports",)),
    },
    "bans": {
        "user_id": Key(
            "Who is banned: the user ID in the chat, exactly as your application gives it to Amazon IVS Chat. In quotes"
            " if it looks like a number, a date, or yes or no; `reconciler fmt` puts them in.",
            ("ABC123def456", "00123"),
            _USER_ID,
        ),
        "rooms": Key(
            "Where the user is banned: names from `rooms` above (or ARNs) in brackets, all for every room above, or"
            " everywhere for every room there is or will be.",
            (["lobby"], ALL_ROOMS, EVERYWHERE_NAME),
            _ROOM_REFS,
        ),
        "reason": Key(
            "Why, in at most 256 characters. Public: everybody in the room sees it.", ("Violated terms of service",)
        ),
        "expires_at": Key(
            "When the ban ends: date, time and time zone. Without it, or with never, the ban is for good.",
            (EXAMPLE_TIME, NEVER),
        ),
        "note": Key("For reviewers, such as the number of a ticket. It is never sent anywhere.", ("TS-4211",)),
    },
}


def ban_list() -> Schema:
    """The schema of a ban list."""
    sections = {
        section: _section(section, _properties(section))
        for section in ("defaults", "guardrails", "denylist", "discover", "accounts")
    }
    return {
        "$schema": _DIALECT,
        "title": "Ban list",
        "description": "Who is banned from which Amazon IVS Chat room.",
        **_section("", {**_properties(""), "bans": {}}, required=("version",)),
        "anyOf": [{"required": ["bans"]}, {"required": ["include"]}],  # one of them is enough
        "$defs": {"ban": _ban(), **sections},
    }


def included() -> Schema:
    """The schema of a file that a ban list includes."""
    return {
        "$schema": _DIALECT,
        "title": "Included ban list",
        "description": "Bans that a ban list includes.",
        **_section("", {"bans": {}}, required=("bans",)),
        "$defs": {"ban": _ban()},
    }


def _ban() -> Schema:
    return _section("bans", _properties("bans"), required=("user_id",))


def _properties(section: str) -> Schema:
    """What pydantic makes of the keys of a section."""
    properties: Schema = GenerateJsonSchema().generate(SHAPES[section])["properties"]
    return properties


def _section(section: str, properties: Schema, required: Iterable[str] = ()) -> Schema:
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(section, name, shape) for name, shape in properties.items()},
    }
    return {**schema, "required": [*required]} if required else schema


def _property(section: str, name: str, shape: Schema) -> Schema:
    key = KEYS[section][name]
    described: Schema = {"description": key.description}
    if key.examples:
        described["examples"] = [*key.examples]
    return {**described, **(_seen(shape) if key.shape is None else key.shape)}


def _seen(shape: Schema) -> Schema:
    """The schema, for a tool that parses YAML's types, of what pydantic checks as text."""
    match shape:
        case {"anyOf": [only, {"type": "null"}]}:
            return _or_null(_seen(only))
        case {"type": "integer"}:
            most = shape.get("maximum", shape.get("le", 999_999_999))
            digits = {"type": "string", "pattern": "^[0-9]{1,9}$"}
            return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": most}, digits]}
        case {"type": "number"}:
            figures = {"type": "string", "pattern": r"^[0-9]{1,6}(?:\.[0-9]{1,3})?$"}
            return {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000}, figures]}
        case {"type": "object", "additionalProperties": inside}:
            names = {
                "pattern": r"^[^\s/:,.-][^\s/:,]*$",
                "maxLength": ROOM_ARN_MAX,
                "not": {"enum": [ALL_ROOMS, EVERYWHERE_NAME]},
            }
            return {"type": "object", "propertyNames": names, "additionalProperties": inside}
        case {"type": "string", "format": "date-time"}:
            return {"type": "string", "pattern": _TIME}
        case {"type": "string"}:
            lengths: Schema = {word: shape[word] for word in ("minLength", "maxLength") if word in shape}
            return {"type": _TEXT["type"], **lengths}
        case _:
            raise TypeError(f"how a YAML tool sees {shape} is not known; give its key a shape of its own")


def _or_null(schema: Schema) -> Schema:
    if "type" not in schema:
        alternatives = schema.get("anyOf", [schema])
        return {"anyOf": [*alternatives, {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*kinds, "null"]}
