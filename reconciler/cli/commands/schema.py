"""`reconciler schema`: prints the JSON Schema of the ban list, for editors."""

import json
from importlib import import_module

import click

from reconciler.cli import console
from reconciler.cli.options import examples, option


@click.command(
    "schema",
    epilog=examples(
        "reconciler schema > bans.schema.json", "reconciler schema --included > bans.d/included.schema.json"
    ),
)
@option("--included", is_flag=True, help="For a file that a list includes, which contains only `bans`.")
def command(included: bool) -> int:
    """Print the JSON Schema of the ban list.

    With it, an editor offers the keys, explains them, and marks mistakes as you type. Save it, and name it in the first
    line of the list: # yaml-language-server: $schema=bans.schema.json
    """
    jsonschema = import_module("reconciler.banlist.jsonschema")  # which needs pydantic, and the help does not
    schema = jsonschema.included() if included else jsonschema.ban_list()
    console.out(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0
