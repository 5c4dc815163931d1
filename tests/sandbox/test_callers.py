import pytest

from reconciler.sandbox.callers import check_caller
from reconciler.sandbox.errors import ServiceError


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8787", "LOCALHOST:1", "chat.localhost:8787", "127.0.0.1:8787", "127.9.9.9", "[::1]:8787"],
)
def test_a_program_on_this_machine_may_call(host: str) -> None:
    check_caller(host, None, frozenset())
    check_caller(host, f"http://{host.lower()}", frozenset())


@pytest.mark.parametrize(
    "host", [None, "", ":8787", "evil.example", "localhost.evil.example:8787", "127.0.0.1.nip.io", "10.0.0.1", "[::2]"]
)
def test_a_name_that_may_have_been_pointed_here_is_refused(host: str | None) -> None:
    with pytest.raises(ServiceError, match="start it with --allow-host NAME") as caught:
        check_caller(host, None, frozenset({"sandbox"}))
    assert caught.value.status == 421


def test_a_name_that_is_allowed_may_be_called() -> None:
    check_caller("Sandbox:8787", "http://sandbox:8787", frozenset({"sandbox"}))


@pytest.mark.parametrize(
    "origin", ["null", "", "http://localhost:3000", "https://localhost:8787", "http://evil.example", "http://localhost"]
)
def test_a_page_from_elsewhere_is_refused(origin: str) -> None:
    with pytest.raises(ServiceError, match="takes no requests of web pages from elsewhere") as caught:
        check_caller("localhost:8787", origin, frozenset())
    assert caught.value.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_page_from_elsewhere_is_refused_also_where_a_browser_leaves_its_origin_out(site: str) -> None:
    with pytest.raises(ServiceError, match="takes no requests of web pages from elsewhere") as caught:
        check_caller("localhost:8787", None, frozenset(), site)
    assert caught.value.status == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_browser_may_call_for_its_user_and_for_the_page_itself(site: str) -> None:
    check_caller("localhost:8787", None, frozenset(), site)
