"""What CI systems make of a log: which lines are commands to them, and what these say."""

import unicodedata

from reconciler import escape


def assert_harmless_in_a_log(output: str) -> None:
    """No line is a command of a CI system, and every character is one that is seen."""
    for line in output.replace("\r", "\n").split("\n"):
        assert not line.lstrip().startswith("::"), line
        for command in ("##[", "##vso[", "##teamcity["):
            assert command not in line
    for character in output.replace("\n", ""):
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}, ascii(character)
        assert character in " 　" or unicodedata.category(character) != "Zs"
        assert not escape._IGNORABLE.match(character)


def runner_reads(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner understands it (ActionCommand.TryParseV2)."""
    line = line.lstrip()
    assert line.startswith("::")
    head, _, message = line[2:].partition("::")
    command, _, properties = head.partition(" ")

    def unescaped(value: str, *codes: str) -> str:
        for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(code, sign) if sign in codes else value
        return value

    pairs = (pair.split("=", 1) for pair in properties.split(","))
    read = {key: unescaped(value, "\r", "\n", ":", ",", "%") for key, value in pairs}
    return command, read, unescaped(message, "\r", "\n", "%")
