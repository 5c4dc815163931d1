"""The pictures in docs/pictures show what there is; `make pictures` makes stale ones anew."""

import re
import termios  # noqa: F401 - what draws them needs it, so that Windows goes without these tests
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.pictures import page
from tests.pictures.drawings import FOLDER, drawings
from tests.sandbox.browser import chromium, needs_chromium

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SVG = "{http://www.w3.org/2000/svg}"
drawn = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.svg")), ids=lambda path: path.name)


def stale(kept: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The pictures that are not what they would be now."""
    return sorted(name for name in {*kept, *now} if kept.get(name) != now.get(name))


def test_the_pictures_show_what_the_program_prints() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    assert stale(kept, drawings()) == [], "`make pictures` draws them anew"


def test_the_picture_of_the_page_shows_it_as_it_is() -> None:
    kept = {name: page.shown_in(FOLDER / name) for name in page.FILES.values()}
    assert stale(kept, dict.fromkeys(kept, page.shown())) == [], "`make pictures` draws them anew"


def test_every_picture_is_small_and_is_shown_somewhere_with_words_for_those_who_cannot_see_it() -> None:
    shown = set()
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        in_markdown = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", text)
        in_html = re.findall(r'<img alt="([^"]*)" src="([^"]*)"', text)
        assert len(in_markdown) + len(in_html) == len(re.findall(r"!\[|<img", text)), document.name
        for words, target in in_markdown + in_html:
            assert len(words) > 40, target
            shown.add((document.parent / target).resolve())
        shown |= {(document.parent / target).resolve() for target in re.findall(r'srcset="([^"]*)"', text)}
    assert shown == set(FOLDER.iterdir())
    assert max(path.stat().st_size for path in shown) < 150_000


@drawn
def test_a_drawing_can_be_read_aloud_and_asks_nobody_for_anything(path: Path) -> None:
    drawing = ET.parse(path).getroot()
    title, text = drawing.findtext(f"{SVG}title"), drawing.findtext(f"{SVG}desc")
    assert drawing.get("role") == "img"
    assert title
    assert text is not None
    assert "ABC123def456" in text
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"href|src=|@import|@font-face|<script|url\((?!#)", source)
    assert re.findall(r'"(https?://[^"]*)"', source.replace(text, "")) == [
        *["http://www.w3.org/2000/svg"],
        *["http://www.w3.org/1999/xhtml"] * ("foreignObject" in source),
    ]


@needs_chromium
@drawn
def test_nothing_is_cut_off(path: Path, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        tab = browser.tab(path.as_uri())
        ends = """
          [...document.querySelectorAll('text, p, table, summary')].reduce(([right, bottom], element) => {
            const box = element.getBoundingClientRect();
            return [Math.max(right, box.right), Math.max(bottom, box.bottom)];
          }, [0, 0])"""
        right, bottom = tab.run(ends)
        whole = tab.run("(({ width, height }) => [width, height])(document.documentElement.getBoundingClientRect())")
    assert 0.5 * whole[0] < right < whole[0]
    assert whole[1] - 60 < bottom < whole[1]
