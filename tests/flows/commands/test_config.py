"""`config schema`, as typed."""

import json

import typer
from typer.testing import CliRunner

from currents_segment.flows.commands.config import schema
from currents_segment.flows.config.schema import schema_for_editors

APP = typer.Typer()
APP.command()(schema)


def test_the_schema_is_printed_for_editors():
    """Standard output is one JSON document and nothing else, so that it can be redirected into a file."""
    result = CliRunner().invoke(APP)
    assert 0 == result.exit_code
    assert schema_for_editors() == json.loads(result.stdout)
    assert not result.stderr
