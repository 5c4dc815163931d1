"""Which endpoints are Amazon IVS Chat on AWS, and what the environment puts in their place. Knows no boto3.

AWS's own are those that botocore's endpoint rules give for `ivschat` (with FIPS and dual-stack, in every partition of
its `partitions.json`), and interface endpoints of a VPC (AWS PrivateLink Guide). Another host of AWS, such as
somebody's bucket, virtual machine or load balancer, is not the service.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_SUFFIXES: Final = (
    *("amazonaws.com", "api.aws", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    *("amazonaws.eu", "api.amazonwebservices.eu", "c2s.ic.gov", "api.aws.ic.gov", "sc2s.sgov.gov", "api.aws.scloud"),
    *("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)
# Compiled when it is first needed, which most plans never do.
_HOST: Final = (
    r"(?:ivschat(?:-fips)?|(?P<vpce>vpce-[a-z0-9-]+\.ivschat(?:-fips)?))\.[a-z]+(?:-[a-z]+)+-[0-9]+(?(vpce)\.vpce)"
    rf"\.(?:{'|'.join(map(re.escape, _SUFFIXES))})\.?"
)


def elsewhere(url: str) -> str | None:
    """An endpoint that is not AWS, as it can be shown and recorded: without a password or a query. None if it is AWS.

    Raises:
        ValueError: it is no URL of the web, or has no port that there is.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or re.search(r"\s", url):
        raise ValueError(f"no URL of the web: {url}")
    # Parsers disagree about where a host with these begins.
    if re.fullmatch(_HOST, parts.hostname) and "@" not in parts.netloc and "\\" not in url:
        return None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"[:2048]


def is_host_of_aws(url: str) -> bool:
    """Whether a URL is on some host of AWS, whatever service that is."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host.endswith(f".{suffix}") for suffix in _SUFFIXES)


def of_environment(environment: Mapping[str, str], given: str | None = None) -> str | None:
    """The endpoint that is not AWS, if the environment alone says so; the AWS configuration may name one too.

    Args:
        environment: variables, as botocore reads them (AWS SDKs and Tools Reference Guide, "Service-specific
            endpoints").
        given: a URL that goes before them.
    """
    ignored = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    variables = () if ignored else ("AWS_ENDPOINT_URL_IVSCHAT", "AWS_ENDPOINT_URL")
    url = given or next(filter(None, map(environment.get, variables)), None)
    try:
        return elsewhere(url) if url else None
    except ValueError:
        return None  # whoever connects to it says what is wrong
