"""The comment on a pull request as an SVG: `plan --format markdown`, made HTML by GitHub's own parser of Markdown.

An SVG in an `<img>` may hold HTML (`foreignObject`), and follows the reader's light or dark theme.
"""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import cmarkgfm
from cmarkgfm.cmark import Options

from tests.pictures.story import run

_WIDTH: Final = 838
_HEIGHTS: Final = {"<p>": 40, "<summary>": 36, "<tr>": 37, "<table>": 17}
"""Pixels that each element adds. Lines do not break, so that the height does not depend on the reader's fonts."""
_FRAME: Final = 41 + 16
"""Pixels of what is around the comment."""

_FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-labelledby="comment-title comment-text">
<title id="comment-title">{title}</title>
<desc id="comment-text">{text}</desc>
<style>
#frame {{
  --back: #fff; --text: #1f2328; --faint: #59636e; --line: #d1d9e0; --head: #f6f8fa; --code: #818b981f; --row: #f6f8fa;
  box-sizing: border-box; height: {height}px; overflow: hidden; white-space: nowrap;
  background: var(--back); color: var(--text); border: 1px solid var(--line); border-radius: 6px;
  font: 16px/24px -apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
}}
@media (prefers-color-scheme: dark) {{
  #frame {{
    --back: #0d1117; --text: #f0f6fc; --faint: #9198a1; --line: #3d444d; --head: #151b23; --code: #656c7633;
    --row: #151b23;
  }}
}}
#head {{
  height: 40px; line-height: 40px; padding: 0 16px; font-size: 14px; color: var(--faint);
  background: var(--head); border-bottom: 1px solid var(--line);
}}
#head b {{ color: var(--text); font-weight: 600; }}
#head span {{ border: 1px solid var(--line); border-radius: 12px; padding: 1px 6px; margin: 0 4px; font-size: 12px; }}
#body {{ padding: 16px 16px 0; }}
p {{ margin: 0 0 16px; height: 24px; }}
summary {{ height: 24px; margin-bottom: 12px; }}
table {{ border-collapse: collapse; margin-bottom: 16px; }}
tr {{ height: 37px; }}
tr:nth-child(2n) {{ background: var(--row); }}
th, td {{ border: 1px solid var(--line); padding: 0 13px; text-align: left; }}
code {{
  font: 13.6px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  background: var(--code); border-radius: 6px; padding: 3px 5px;
}}
</style>
<foreignObject x="0" y="0" width="{width}" height="{height}">
<div xmlns="http://www.w3.org/1999/xhtml" id="frame">
<div id="head"><b>github-actions</b> <span>bot</span> commented</div>
<div id="body">
{html}</div>
</div>
</foreignObject>
</svg>
"""


def picture(title: str, folder: Path) -> str:
    """An SVG of the comment on the list in a folder.

    Args:
        title: what the picture shows, in words.
        folder: where the list and its state are.
    """
    markdown = run(folder, "reconciler", "plan", "--format", "markdown")
    html = _html(markdown)
    text = "\n".join(_lines(ET.fromstring(f"<div>{html}</div>")))
    height = _FRAME + sum(pixels * html.count(tag) for tag, pixels in _HEIGHTS.items())
    return _FORMAT.format(title=escape(title), text=escape(text, quote=False), width=_WIDTH, height=height, html=html)


def _lines(html: ET.Element) -> Iterator[str]:
    """What there is to read, for those who cannot see it."""
    for element in html.iter():
        if element.tag == "tr":
            yield ", ".join("".join(cell.itertext()) for cell in element)
        elif element.tag in ("p", "summary"):
            yield "".join(element.itertext())


def _html(markdown: str) -> str:
    """The comment as HTML that is XML too."""
    if "[!" in markdown:
        raise AssertionError(f"the comment has an alert, which this does not draw:\n{markdown}")
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    html = re.sub(r"<!--.*?-->\n", "", html).replace("<details open>", '<details open="">')
    return re.sub(r"\n(</?(?:thead|tbody)>)", r"\1", html)
