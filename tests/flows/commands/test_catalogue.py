import json

import pytest
import typer
from typer.testing import CliRunner

from currents_segment.codecs.catalogue import load
from currents_segment.flows.commands.catalogue import catalogue
from currents_segment.flows.errors import UserError


def run(*args):
    """The command: stdout; errors of the user come through."""
    app = typer.Typer()
    app.command()(catalogue)
    result = CliRunner().invoke(app, args)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_all_types_are_listed():
    """A heading and a line for each, with its name in Segment, whole."""
    lines = run().splitlines()
    assert len(lines) == 101
    assert any(line.split()[0] == "users.messages.email.Click" and "Email Link Clicked" in line for line in lines)
    assert any(line.startswith("users.profile.Update ") and "Profile Updated *" in line for line in lines)


def test_patterns_select_as_in_the_configuration():
    """Families, globs and types."""
    lines = run("LINE", "users.messages.sms.Abort").splitlines()
    assert len(lines) == 1 + 5 + 1


def test_a_single_type_is_shown_with_its_fields():
    """Where each goes, in any spelling of the type."""
    shown = run("dataexport.x.inner.users.messages.email.Click")
    assert "in Segment: Email Link Clicked" in shown
    (url,) = [line for line in shown.splitlines() if line.startswith("url ")]
    assert url.split() == ["url", "string?", "properties.link_url"]
    (timezone,) = [line for line in shown.splitlines() if line.startswith("timezone ")]
    assert timezone.split() == ["timezone", "string?", "-"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users.canvas.Abort", "also spelled: users.canvas.Abort"),
        ("users.messages.whatsapp.Send", "names preset legacy: WhatsApp Send"),
        ("users.messages.rcs.Read", "no fields are published"),
    ],
)
def test_what_is_special_of_a_type_is_said(name, text):
    """Aliases, older names, missing fields."""
    assert text in run(name)


def test_json_is_a_document_or_a_list():
    """One type gives one object, patterns a list, with the same contents."""
    one = json.loads(run("users.messages.email.Click", "--json"))
    assert (one["type"], one["segment_name"], one["family"]) == ("users.messages.email.Click", "Email Link Clicked", "Email")
    places = {field["name"]: field["place"] for field in one["fields"]}
    assert (places["url"], places["timezone"], places["email_address"]) == ("properties.link_url", None, "context.traits.email")
    assert one in json.loads(run("Email", "--json"))
    assert len(load().types) == len(json.loads(run("--json")))


def test_selecting_nothing_names_the_nearest():
    """A line for each mistake, as in the configuration."""
    with pytest.raises(UserError, match=r"(?s)'Emial' selects nothing.*nearest: Email\n'users.x.\*' selects nothing"):
        run("Emial", "users.x.*")
