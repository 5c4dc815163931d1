"""Whom a state tells of: AWS, or some other chat service that was called in its place.

What happened in a rehearsal must not be taken for what happened on AWS, or users are never disconnected there. So a
state records one or the other. All endpoints that are not AWS are alike: a sandbox has another port each time.
"""

NOT_OF_AWS = "It does not tell who has been disconnected on AWS."


def recorded(endpoint: str | None) -> str:
    """What a state says of its endpoint, to follow its location."""
    return "records what was done on AWS" if endpoint is None else f"records a rehearsal against {endpoint}, not on AWS"


def mixed(location: str, there: str | None, here: str | None) -> str:
    """Why a state must not record what is done at an endpoint, and what to do instead.

    Args:
        location: of the state.
        there: the endpoint that the state tells of; None for AWS.
        here: what is called now; None for AWS.
    """
    said = f"{location} {recorded(there)}, and this run calls {here or 'AWS'}."
    if here is not None:
        return (
            f"{said} Rehearse with another state, such as --state rehearsal.state.json. To apply on AWS, do without"
            " --endpoint-url, AWS_ENDPOINT_URL… and an endpoint_url in the AWS configuration."
        )
    return (
        f"{said} {NOT_OF_AWS} Name the state of AWS with --state, or another place to begin a new one. To go on with"
        " the rehearsal, give --endpoint-url."
    )
