"""Reads a YAML file into plain data in which every scalar is exactly the text in the file.

A ban list must not ban somebody else because YAML saw a number. So this reads ruamel.yaml's *events*, which carry text,
rather than the objects that it constructs.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from reconciler.yamltext import advice, events
from reconciler.yamltext.build import Builder, Stopped
from reconciler.yamltext.characters import decode, has_unreadable, mark_after, unreadable, without_unreadable
from reconciler.yamltext.cut import cut_texts
from reconciler.yamltext.events import NextEvent, until_unreadable
from reconciler.yamltext.values import Data, Document, Fault, Mark

_CONFLICT: Final = rb"(?m)^<<<<<<< "  # as git leaves it
_BLANK: Final = re.compile(rb"(?:[ \r\n]+|#[^\r\n]*)*+")


def read(content: bytes, *, pure: bool = False) -> Document:
    """Read one YAML document.

    Args:
        content: the whole file.
        pure: do not use the C parser, even where it is installed. The result is the same, slower.

    Raises:
        NotText: it is not UTF-8.
    """
    faults: tuple[Fault, ...] = ()
    if has_unreadable(content):
        text = decode(content)
        faults = tuple(unreadable(text))
        content = without_unreadable(text).encode()
    content = content.removeprefix(BOM_UTF8)
    faults += tuple(_directive(content))
    document = None
    if not (pure or faults or events.is_disputed(content)):
        # From the bytes: with one emoji in a text, Python holds four bytes for each of its characters.
        document = _read_by_c_parser(content)
    if document is None:
        decode(content)  # nothing has shown yet that it is UTF-8
        document = _read_by_pure_parser(content)
    if document.complete:
        faults += tuple(cut_texts(content, document))
    return replace(document, faults=faults + document.faults) if faults else document


def _directive(content: bytes) -> Iterator[Fault]:
    """A directive is the first thing in a text, and the parsers skip those that they do not know."""
    blank = _BLANK.match(content)
    if blank is not None and content.startswith(b"%", blank.end()):
        yield Fault(mark_after(decode(blank[0])), (), advice.DIRECTIVE)


def _read_by_c_parser(content: bytes) -> Document | None:
    """What the text says, if the C parser is to be trusted with it."""
    for events_of in (events.by_c_parser, events.by_c_parser_shielded):
        with suppress(Exception):  # whatever this parser raises, the pure one has the last word
            builder = Builder(events_of(content), content, trusted=False)
            return _document(builder, builder.build(), partial(events_of, content))
    return None


def _read_by_pure_parser(content: bytes) -> Document:
    source = partial(events.by_pure_parser, content)
    builder = Builder(source(), content, trusted=True)
    try:
        return _document(builder, builder.build(), source)
    except Stopped:
        return _document(builder, None, source, complete=False)
    except YAMLError as error:
        document = _document(builder, None, source, complete=False)
        mark, message = _explain(error, content, document)
        return replace(document, faults=(*document.faults, Fault(mark, (), message)))


def _document(builder: Builder, data: Data, source: Callable[[], NextEvent], *, complete: bool = True) -> Document:
    return Document(
        data, tuple(builder.faults), complete, tuple(builder.empty), builder.noted, lambda: iter(source(), None)
    )


def _explain(error: YAMLError, content: bytes, document: Document) -> tuple[Mark, str]:
    """Where the YAML breaks, and what to write instead."""
    if not isinstance(error, MarkedYAMLError):
        return _last_mark(document), advice.AFTER_HERE
    if conflict := re.search(_CONFLICT, content):
        return Mark(content.count(b"\n", 0, conflict.start()) + 1, 1), advice.CONFLICT
    at_context, message = advice.of(f"{error.context or ''}: {error.problem or ''}")
    mark = error.problem_mark or error.context_mark
    if at_context and error.context_mark is not None:
        mark = error.context_mark
    return (Mark.of(mark) if mark is not None else Mark(1, 1)), message


def _last_mark(document: Document) -> Mark:
    """The end of the last event before the parser fails."""
    mark = Mark(1, 1)
    for event in until_unreadable(document.events()):
        mark = Mark.of(event.end_mark)
    return mark
