"""Where values are in a text, by their paths."""

import pytest

from reconciler.yamltext.places import locate
from reconciler.yamltext.read import read
from reconciler.yamltext.values import Mark, Path, Place

both_parsers = pytest.mark.parametrize("pure", [False, True], ids=["C", "pure"])


@both_parsers
def test_values_are_located_by_their_path(pure: bool) -> None:
    text = "# comment\na: b\nc:\n  - d\n  - é: [f,\n      g]\n  -\nh:\ni: {j: , k}\n"
    paths: list[Path] = [
        (),
        ("a",),
        ("c",),
        ("c", 0),
        ("c", 1, "é"),
        ("c", 1, "é", 1),
        ("c", 2),
        ("h",),
        ("i", "j"),
        ("x",),
    ]
    assert locate(read(text.encode(), pure=pure), paths) == {
        (): Place(Mark(2, 1), Mark(2, 1)),
        ("a",): Place(Mark(2, 1), Mark(2, 4)),
        ("c",): Place(Mark(3, 1), Mark(4, 3)),
        ("c", 0): Place(Mark(4, 5), Mark(4, 5)),
        ("c", 1, "é"): Place(Mark(5, 5), Mark(5, 8)),
        ("c", 1, "é", 1): Place(Mark(6, 7), Mark(6, 7)),
        ("c", 2): Place(Mark(7, 4), Mark(7, 4)),
        ("h",): Place(Mark(8, 1), Mark(8, 1)),
        ("i", "j"): Place(Mark(9, 5), Mark(9, 5)),
    }


def test_values_are_located_as_far_as_a_text_can_be_read() -> None:
    document = read(b"a:\nb: 1\n'c'\n  d: ~\n")
    assert not document.complete
    assert locate(document, [("a",), ("b",)]).keys() == {("a",), ("b",)}
