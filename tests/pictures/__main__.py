"""`make pictures`: make those in docs/pictures anew that no longer show what there is."""

import sys
from pathlib import Path

from tests.pictures import page
from tests.pictures.drawings import FOLDER, drawings
from tests.sandbox.browser import CHROMIUM


def _renew(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    print(f"{path.name} is new.")


def main() -> int:
    """Write the pictures; 1 if that takes a browser, and there is none."""
    for name, svg in drawings().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != svg:
            _renew(path, svg.encode())
    shown = page.shown()
    if all(page.shown_in(FOLDER / name) == shown for name in page.FILES.values()):
        return 0
    if CHROMIUM is None:
        print("The picture of the page is stale, and there is no Chromium to make it anew.", file=sys.stderr)
        return 1
    for scheme, png in page.pictures().items():
        _renew(FOLDER / page.FILES[scheme], png)
    return 0


sys.exit(main())
