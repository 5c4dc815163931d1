"""A terminal as an SVG: the program runs in a pseudo-terminal, pyte knows what is on its screen, and rich draws it."""

import fcntl
import io
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from select import select
from typing import Any, Final

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.pictures.story import settings

COLUMNS: Final = 76
_LINES: Final = 40
_PATIENCE: Final = 60.0
"""Seconds that a command may take."""

_QUESTION: Final = b": "
"""How a question ends. No other line does."""

_PORT: Final = re.compile(rb"(?<=http://127\.0\.0\.1:)\d+")
_USUAL_PORT: Final = b"8787"
"""What the sandbox listens on where nobody else does; around a command, it takes any port that is free."""

_LINE_BREAK: Final = re.compile(r"<text [^>]*>\n</text>")
"""What rich draws at the end of each line."""

_THEME: Final = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221),
     (177, 186, 196)],
)  # fmt: skip
_COLOURS: Final = {"brown": "yellow", "default": None}
"""What pyte calls otherwise than rich."""

# As rich's own, but for its font, which is on another host; and spaces are spaces, so that a command can be copied.
_FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-labelledby="{unique_id}-title {unique_id}-text">
<title id="{unique_id}-title">@TITLE@</title>
<desc id="{unique_id}-text">@TEXT@</desc>
<style>
.{unique_id}-matrix {{
  font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(name: str, title: str, folder: Path, *command: str, answer: str = "") -> str:
    """An SVG of a terminal in which a command runs in a folder.

    Args:
        name: what its parts are called by, unlike those of other pictures.
        title: what the picture shows, in words.
        folder: where the command runs.
        command: what is typed.
        answer: what is typed when the command asks.
    """
    screen = pyte.Screen(COLUMNS, _LINES)
    terminal = pyte.ByteStream(screen)
    terminal.feed(f"\x1b[1m$ {shlex.join(command)}\x1b[0m\r\n".encode())
    terminal.feed(_PORT.sub(_USUAL_PORT, _shown(folder, command, answer)))
    return _drawn(name, title, screen)


def _shown(folder: Path, command: tuple[str, ...], answer: str) -> bytes:
    """All that a command, which has to succeed, writes to its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, COLUMNS, 0, 0))
    with subprocess.Popen(
        command, cwd=folder, env=settings(folder), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            shown, left = b"", answer.encode()
            for chunk in _chunks(ours):
                shown += chunk
                if left and shown.endswith(_QUESTION):
                    os.write(ours, left + b"\n")
                    left = b""
            process.wait(_PATIENCE)
        finally:
            os.close(ours)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0 or left:
        raise AssertionError(f"{shlex.join(command)} ended with {process.returncode}:\n{shown.decode()}")
    return shown


def _chunks(ours: int) -> Iterator[bytes]:
    """What comes until everybody has closed the other end."""
    last = time.monotonic() + _PATIENCE
    while select([ours], [], [], max(0.0, last - time.monotonic()))[0]:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # how Linux says so
            return
        if not chunk:  # how macOS does
            return
        yield chunk
    raise AssertionError("it takes too long")


def _drawn(name: str, title: str, screen: pyte.Screen) -> str:
    lines = [_line(screen.buffer[y]) for y in range(screen.lines)]
    while not lines[-1].plain:
        lines.pop()
    if len(lines) == screen.lines:
        raise AssertionError("the screen is too small: its first lines may be gone")
    text = "\n".join(line.plain for line in lines)
    named = _FORMAT.replace("@TITLE@", _quoted(title)).replace("@TEXT@", _quoted(text))
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, color_system="truecolor", force_terminal=True)
    console.print(Text("\n").join([*lines, Text()]), soft_wrap=True)
    svg = console.export_svg(title="", theme=_THEME, code_format=named, unique_id=name)
    return _LINE_BREAK.sub("", svg).replace("&#160;", " ").replace("<text ", '<text xml:space="preserve" ')


def _quoted(text: str) -> str:
    return escape(text, quote=False).replace("{", "{{").replace("}", "}}")


def _line(cells: Any) -> Text:
    """A line of the screen without the spaces at its end."""
    text = Text()
    for style, alike in groupby((cells[x] for x in range(COLUMNS)), _style):
        text.append("".join(cell.data for cell in alike), style)
    text.rstrip()
    return text


def _style(cell: Any) -> Style:
    return Style(color=_COLOURS.get(cell.fg, cell.fg), bold=cell.bold or None)
