"""A local Amazon IVS Chat on loopback, so that the real job runs without an AWS account.

    with running(SandboxOptions(rooms=("arn:aws:ivschat:us-west-2:123456789012:room/AbCdEf123456",))) as sandbox:
        chat = boto3.client("ivschat", region_name="us-west-2", endpoint_url=sandbox.url)

It answers CreateRoom, GetRoom, ListRooms, DeleteRoom and DisconnectUser as the SDKs and the AWS CLI call them, and
STS's GetCallerIdentity. Every request is checked against the service model that botocore ships. Needs aiohttp (the
extra `sandbox`): without it, importing this package raises ModuleNotFoundError.
"""

from reconciler.sandbox.faults import FAULT_KINDS, FaultKind
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.request import Request
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.server import running

__all__ = ["FAULT_KINDS", "FaultKind", "Request", "Sandbox", "SandboxOptions", "running"]
