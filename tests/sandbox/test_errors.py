import pytest
from botocore.model import StructureShape

from reconciler.sandbox import errors
from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.model import FieldProblem, check, service_model

from .builders import LOBBY

MODELLED = [
    errors.access_denied("DisconnectUser", caller_arn="arn:aws:iam::123456789012:user/sandbox", resource=LOBBY),
    errors.pending_verification(),
    errors.room_not_found(LOBBY, "us-west-2"),
    errors.throttled("DisconnectUser", arn=LOBBY, limit=100),
    errors.invalid([FieldProblem("userId", "is wrong")]),
    errors.not_in_the_sandbox("UpdateRoom", ["CreateRoom"]),
    errors.internal_failure(),
]

COMMON = [
    (errors.throttled("ListRooms", arn=None, limit=5), 400),
    (errors.unknown_operation("GET", "/x"), 404),
    (errors.missing_token(), 403),
    (errors.incomplete_signature(), 403),
    (errors.wrong_scope("ivschat"), 403),
    (errors.expired_token(), 403),
    (errors.unrecognized_client(), 403),
    (errors.unavailable(), 503),
    (errors.unreadable_body("why"), 400),
]


def shape_of(error: ServiceError) -> StructureShape:
    shape = service_model().shape_for(error.code)
    assert isinstance(shape, StructureShape)
    return shape


@pytest.mark.parametrize("error", MODELLED, ids=lambda error: error.code)
def test_a_modelled_error_has_the_models_status_and_members(error: ServiceError) -> None:
    shape = shape_of(error)
    assert error.status == shape.metadata["error"]["httpStatusCode"]
    assert set(shape.required_members) <= set(error.body) <= set(shape.members)


@pytest.mark.parametrize("error", MODELLED, ids=lambda error: error.code)
def test_the_members_of_a_modelled_error_are_of_the_models_types(error: ServiceError) -> None:
    for name, member in shape_of(error).members.items():
        value = error.body.get(name)
        if value is None:
            continue
        if member.type_name == "list":
            assert value == [{"name": "userId", "message": "is wrong"}]
        elif member.type_name == "integer":
            assert isinstance(value, int)
        else:
            assert isinstance(value, str)
            assert not getattr(member, "enum", []) or value in getattr(member, "enum")  # noqa: B009


def test_disconnect_user_can_answer_every_error_that_its_model_declares() -> None:
    declared = {shape.name for shape in service_model().operation_model("DisconnectUser").error_shapes}
    assert declared <= {error.code for error in MODELLED}


@pytest.mark.parametrize(("error", "status"), COMMON, ids=lambda value: getattr(value, "code", ""))
def test_a_common_error_has_the_documented_status_and_only_a_message(error: ServiceError, status: int) -> None:
    assert error.status == status
    assert list(error.body) == ["message"]


def test_a_problem_the_model_finds_becomes_an_entry_of_the_field_list() -> None:
    problems = check("DisconnectUser", {"roomIdentifier": LOBBY})
    assert errors.invalid(problems).body["fieldList"] == [
        {"name": "userId", "message": "Value at 'userId' failed to satisfy constraint: Member must not be null"}
    ]
