"""A local Amazon IVS Chat on loopback, so that the real job runs without an AWS account.

    with running(SandboxOptions(rooms=("arn:aws:ivschat:us-west-2:123456789012:room/AbCdEf123456",))) as sandbox:
        chat = boto3.client("ivschat", region_name="us-west-2", endpoint_url=sandbox.url)

It answers IVS Chat's operations, all but those on logging configurations, as the SDKs and the AWS CLI call them, and
STS's GetCallerIdentity. It checks every request against the service model that botocore ships. `running` needs aiohttp
(the extra `sandbox`): without it, asking for that name raises ModuleNotFoundError.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.sandbox.kinds import FAULT_KINDS, FaultKind
    from reconciler.sandbox.options import SandboxOptions
    from reconciler.sandbox.request import Request
    from reconciler.sandbox.sandbox import Sandbox
    from reconciler.sandbox.server import running

# Public name → module. Each is imported when it is asked for (PEP 562), so that a list of faults costs no aiohttp.
_MODULES = {
    "FAULT_KINDS": "kinds",
    "FaultKind": "kinds",
    "Request": "request",
    "Sandbox": "sandbox",
    "SandboxOptions": "options",
    "running": "server",
}

__all__ = ["FAULT_KINDS", "FaultKind", "Request", "Sandbox", "SandboxOptions", "running"]


def __getattr__(name: str) -> object:
    """A public name, imported now."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
