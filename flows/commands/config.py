"""`config schema`: the configuration's JSON Schema, for editors."""

import json

import typer


def schema() -> None:
    """Print the JSON Schema of the configuration: editors complete and check the file with it.

    \b
    currents-segment config schema > currents-segment.schema.json
    Then begin the configuration with this line, which the YAML language server of most editors reads:
      # yaml-language-server: $schema=./currents-segment.schema.json
    """  # noqa: D301 - \b is click's mark for lines that are not wrapped
    from currents_segment.flows.config.schema import schema_for_editors  # noqa: PLC0415 - keeps --help quick

    typer.echo(json.dumps(schema_for_editors(), indent=2, ensure_ascii=False))
