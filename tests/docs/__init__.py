import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("code", "data", "elsewhere", "scripts", "shown", "with_others"))
)
