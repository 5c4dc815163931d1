"""Reading with the C parser and without it gives the same, whatever the text is."""

from importlib.util import find_spec
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings

from reconciler import BanList
from reconciler.banlist import read as banlist
from reconciler.errors import BanListInvalid
from reconciler.yamltext import events
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.places import locate
from reconciler.yamltext.values import Data, NotText, Path
from tests.builders import LOBBY
from tests.yaml_texts import ban_list_texts, damaged_texts, soups

HEAD = f"version: 1\nrooms: {{lobby: {LOBBY}}}\n"


def outcome(text: str, *, pure: bool) -> BanList | str:
    """The ban list, or all problems as they are shown. Any other exception is a fault of ours."""
    try:
        return banlist.parse(text.encode(), "b.yaml", pure=pure)
    except BanListInvalid as error:
        return str(error)


def places(text: str, *, pure: bool) -> object:
    """All that the YAML of a text says, and where; where that is only known of a text that can be read to its end."""
    try:
        document = yamltext.read(text.encode(), pure=pure)
    except NotText as error:
        return str(error)
    paths = [()] if not document.complete else list(all_paths(document.data))
    return document.data, document.faults, document.complete, document.complete and locate(document, paths)


def all_paths(data: Data, path: Path = ()) -> list[Path]:
    inside: list[tuple[str | int, Data]] = []
    if isinstance(data, dict):
        inside = list(data.items())
    elif isinstance(data, list):
        inside = list(enumerate(data))
    return [path, *(deeper for step, value in inside for deeper in all_paths(value, (*path, step)))]


def test_the_c_parser_is_installed_where_these_tests_run() -> None:
    assert find_spec("_ruamel_yaml") is not None


@given(ban_list_texts())
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_both_parsers_read_a_sound_list_alike(case: tuple[str, list[str]]) -> None:
    text, user_ids = case
    ban_list = outcome(text, pure=False)
    assert isinstance(ban_list, BanList), ban_list
    assert list(dict.fromkeys(key.user_id for key in ban_list.bans)) == user_ids
    assert ban_list == outcome(text, pure=True)
    assert places(text, pure=False) == places(text, pure=True)


@given(damaged_texts())
@settings(max_examples=1200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@example(f"{HEAD}bans:\n- user_id: a\tb\n  rooms: all\n")  # the C parser takes a tab inside and behind a text
@example(f"{HEAD}bans:\n- user_id: a\t\n  rooms: all\n")
@example(f"{HEAD}bans:\n- {{user_id\tx: a, rooms: all}}\n")
@example(f"{HEAD}bans:\n- user_id: a\n  rooms:\n  reason: b #c\n")
@example(f"{HEAD}bans:\n- user_id:  #7'a'\n  rooms: all\n")
@example(f"{HEAD}bans:\n- user_id: a\n  rooms:\n")  # they place what is not there differently
@example(f"{HEAD}bans:\n- {{user_id: , rooms: all}}\n")
@example("---")
@example(f"{HEAD}bans:\n- user_id: a\n  rooms: all\n  note: |#\n")  # a comment right behind the sign of a block
@example(f"{HEAD}bans:\n- user_id: a\n  rooms: all\n  note: |2#\n")
@example(f"{HEAD}bans:\n- user_id: a\n  rooms: all\n  note: |\n     \n       x\n")  # blank, and indented deeper
@example(f"{HEAD}bans: []\n...\n...\n")
@example(f"{HEAD}bans: []\n...\n%YAML 1.2\n---\n")
@example("%TAG ! x\n---\n")
@example(f"{HEAD}bans: [! ]\n")
@example(f"{HEAD}&a: x\n*a: y\nbans: []\n")
@example("%x\n---\nversion: 1\nbans: []\n")  # both parsers pass over a directive that they do not know
@example(f"{HEAD}bans: [{{user_id: a, rooms: [{LOBBY}]}}]\n")  # the C parser balks at the colons
@example(f'{HEAD}bans: [{{user_id: "a\\ue03ab", rooms: [{LOBBY}]}}]\n')  # it is not to become a colon
@example(f'{HEAD}bans: [{{user_id: "a\\U0000E03Ab", rooms: [{LOBBY}]}}]\n')
@example(f'{HEAD}bans: [{{user_id: "\\UFFFFFFFF", rooms: all}}]\n')  # the pure parser overflows
def test_both_parsers_say_the_same_about_a_damaged_list(text: str) -> None:
    assert outcome(text, pure=False) == outcome(text, pure=True)


@given(soups)
@settings(max_examples=2000)
@example(">\n...")
@example(">\n#")
@example("|\r#")
@example("a: |\n \n  ")
@example("a\n...\n...")
@example("{}\n%YAML 1.2\n---")
@example("!")
@example("&a:")
def test_both_parsers_see_the_same_in_any_yaml(text: str) -> None:
    assert places(text, pure=False) == places(text, pure=True)


@pytest.mark.parametrize(
    "entry",
    [
        "{user_id: a, rooms: all}",
        f"{{user_id: a, rooms: [{LOBBY}]}}",
        "{user_id: 'tab \t inside'}",
        "{user_id: a, rooms: [}",
    ],
)
def test_without_a_c_parser_the_outcome_is_the_same(entry: str) -> None:
    text = f"{HEAD}bans:\n- {entry}\n"
    usual = outcome(text, pure=False)
    with patch.object(events, "CParser", None):
        assert outcome(text, pure=False) == usual


def test_a_sound_list_is_read_by_the_c_parser_alone() -> None:
    text = f"{HEAD}bans:\n- user_id: a\n  rooms: [{LOBBY}]\n- {{user_id: b, rooms: all, reason: 'x > y'}}\n"
    text += "- {user_id: twitch:1, rooms: [lobby], expires_at: 2027-01-31T00:00:00+02:00, note: http://a/b}\n"
    text += "- user_id: c\n  rooms: all\n  reason: >- # folded\n    x\n    y\n  note: |\n    z\n"
    with patch("ruamel.yaml.scanner.Scanner.fetch_stream_start", side_effect=AssertionError("the pure parser reads")):
        assert isinstance(outcome(text, pure=False), BanList)
