from pathlib import Path
from textwrap import indent

import pytest
from pydantic import ValidationError

from currents_segment.codecs import catalogue
from currents_segment.codecs.profile import Profile
from currents_segment.flows.config import Http, load
from currents_segment.flows.errors import ConfigError

HEAD = """\
workspaces:
  shop:
    sources:
      currents:
        url: ./in
    connectors:
      shop:
"""
CONNECTOR = """\
write_key: env:TEST_KEY
region: eu
events: [Email, users.canvas.Entry]
start: earliest
"""


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-live-123")


@pytest.fixture
def mistakes(tmp_path):
    """The mistakes of a file, without its folder."""

    def of(text, **how):
        path = tmp_path / "c.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load(path, **how)
        return [line.removeprefix(f"{tmp_path}/") for line in caught.value.mistakes]

    return of


def file(connector=CONNECTOR, more=""):
    """A file with one connector, whose first line is line 8."""
    return HEAD + indent(connector, " " * 8) + more


def test_defaults_serve(tmp_path):
    """The least file that is right has a value for everything, in seconds, bytes and absolute places."""
    path = tmp_path / "c.yaml"
    path.write_text(file())
    config = load(path)
    source, connector = config.workspaces["shop"].sources["currents"], config.connectors["shop"]
    assert (path, tmp_path / "state", f"file://{tmp_path}/state/dead-letters") == (config.path, config.state, config.dead_letters)
    assert (Http(host="127.0.0.1", port=8321), 1.0) == (config.http, config.epoch)
    assert (86_400.0, 100_000_000) == (config.dedup.window, config.dedup.max_ids)
    assert ("currents", "shop", f"file://{tmp_path}/in", 60.0, 21_600.0, {}) == (
        source.name,
        source.workspace,
        source.url,
        source.poll,
        source.late,
        source.options,
    )
    assert (
        "shop",
        "shop",
        "env:TEST_KEY",
        "sk-live-123",
    ) == (connector.name, connector.workspace, connector.write_key.reference, connector.write_key.read())
    assert ("eu", "https://events.eu1.segmentapis.com/v1/batch") == (connector.region, connector.endpoint)
    assert (False, "earliest", 172_800.0) == (connector.anonymous_users, connector.start, connector.expire_after)
    assert ("namespaced", "pass", None) == (connector.message_id, connector.unknown_fields, connector.integrations)
    limits = connector.limits
    assert (200.0, 16, 30.0) == (limits.requests_per_second, limits.in_flight, limits.timeout)
    assert (475_000, 2500, 1.0) == (limits.batch_size, limits.batch_events, limits.batch_age)


def test_what_is_written_is_what_holds(tmp_path):
    """Every setting replaces its default."""
    (tmp_path / "secret").write_text("s3cret\n")
    path = tmp_path / "c.yaml"
    path.write_text(
        "state: /var/lib/x/../state\ndead_letters: s3://dead/letters/\nhttp: null\ndedup: {window: 48h, max_ids: 5M}\nepoch: 500ms\n"
        + file(CONNECTOR + "limits: {batch_age: 10ms, in_flight: 2}\nendpoint: http://127.0.0.1:1/v1/batch\n").replace(
            "url: ./in", "url: s3://b/in\n        options: {region: eu-west-1, port: 1, allow_http: true, secret_access_key: file:secret}"
        )
    )
    config = load(path)
    assert (Path("/var/lib/state"), "s3://dead/letters", None, 0.5) == (config.state, config.dead_letters, config.http, config.epoch)
    assert (172_800.0, 5_000_000) == (config.dedup.window, config.dedup.max_ids)
    options = config.workspaces["shop"].sources["currents"].resolved_options()
    assert {"region": "eu-west-1", "port": "1", "allow_http": "true", "secret_access_key": "s3cret"} == options
    connector = config.connectors["shop"]
    assert (0.01, 2, "http://127.0.0.1:1/v1/batch") == (connector.limits.batch_age, connector.limits.in_flight, connector.endpoint)


def test_selection_is_in_canonical_types(tmp_path):
    """Families, globs and other spellings become the catalogue's types; `*` also reads folders of types that it does not know."""
    path = tmp_path / "c.yaml"
    path.write_text(file())
    known = catalogue.load()
    assert known.families["Email"] | {"users.canvas.Entry"} == load(path).connectors["shop"].selected
    assert not load(path).connectors["shop"].everything
    path.write_text(file(CONNECTOR.replace("[Email, users.canvas.Entry]", '["*"]')))
    assert frozenset(known.types) == load(path).connectors["shop"].selected
    assert load(path).connectors["shop"].everything


def test_a_profile_is_what_the_decoder_knows_of_a_connector(tmp_path):
    """Names come with preset and overrides applied, and the integration is called like the connector unless it has a name."""
    path = tmp_path / "c.yaml"
    path.write_text(file(CONNECTOR + "names: {preset: legacy, overrides: {users.canvas.Entry: Entered}}\n"))
    config = load(path)
    profile = config.profile("shop")
    names = catalogue.load().names("legacy", {"users.canvas.Entry": "Entered"}).of
    assert (
        Profile("shop", "shop", config.connectors["shop"].selected, False, names, integration_name="shop") == profile
    )  # as the record has it
    path.write_text(file(CONNECTOR + "integration_name: Shop to Segment\n"))
    assert "Shop to Segment" == load(path).profile("shop").integration_name


def test_a_configuration_does_not_change(tmp_path):
    """Models are frozen: what was checked is what runs."""
    path = tmp_path / "c.yaml"
    path.write_text(file())
    with pytest.raises(ValidationError, match="frozen"):
        load(path).epoch = 2.0


MISTAKES = {
    "epoch: 2 parsecs": 'epoch: "2 parsecs" is not a duration: write a number and a unit, such as 48h (units: ms, s, m, h, d)',
    "epoch: 2": "epoch: 2 is not a duration: write a number and a unit, such as 48h (units: ms, s, m, h, d)",
    "epoch: 1h": 'epoch: "1h" is out of bounds: from 100ms to 1m',
    "dedup: {max_ids: lots}": 'dedup.max_ids: "lots" is not a count: write a whole number, such as 250000 or 100M (units: K, M, G)',
    "stat: ./x": "stat: is not a setting: did you mean state?",
    "zzz: 1": "zzz: is not a setting: known here are state, dead_letters, http, dedup, epoch, workspaces",
    "state: s3://b/x": 'state: "s3://b/x" is not a folder: write a path on a local disk, such as ./state',
    "http: {port: 0}": "http.port: 0 is too little: at least 1",
    "http: {port: 70000}": "http.port: 70000 is too much: at most 65535",
    "http: {port: '1'}": 'http.port: "1" is not a whole number',
    "http: {host: 1}": "http.host: 1 is not text: put it in quotes",
    "http: off": "http: is a single value where a mapping belongs: Health, metrics and status over HTTP; null turns it off.",
}
IN_A_CONNECTOR = {
    "expire_after: 2 parsecs": 'expire_after: "2 parsecs" is not a duration: write a number and a unit, such as 48h (units: ms, s, m, h, d)',
    "expire_atfer: 48h": "expire_atfer: is not a setting: did you mean expire_after?",
    "limits: {batch_size: 475}": "limits.batch_size: 475 is not a size: write a number and a unit, such as 475KB (units: B, KB, MB, GB, KiB, MiB, GiB)",
    "limits: {batch_size: 1MB}": 'limits.batch_size: "1MB" is out of bounds: from 40KB to 475KB',
    "limits: {requests_per_second: 0}": "limits.requests_per_second: 0 is too little: it must be more than 0.0",
    "limits: {requests_per_second: many}": 'limits.requests_per_second: "many" is not a number',
    "anonymous_users: no": 'anonymous_users: "no" is neither true nor false',
    "message_id: same": "message_id: \"same\" is none of 'namespaced' or 'raw'",
    "contact_email: nobody": 'contact_email: "nobody" is not an e-mail address',
    "integrations: {All: 1}": "integrations.All: 1 is neither true nor false nor a mapping of that destination's options",
    "names: {overrides: {users.canvas.Entri: X}}": (
        "names.overrides[\"users.canvas.Entri\"]: 'users.canvas.Entri' is no known event type; nearest: users.canvas.Entry"
    ),
    "names: {overrides: {users.canvas.Entry: ''}}": 'names.overrides["users.canvas.Entry"]: is empty: see deploy/examples/full.yaml',
    "endpoint: ftp://x": 'endpoint: "ftp://x" is not an http or https URL: write http://HOST:PORT/v1/batch, or leave it out',
}
INSTEAD = {
    (
        "write_key: env:TEST_KEY",
        "write_key: sk-live-123",
    ): "8: {c}.write_key: is not a reference: write env:NAME or file:PATH, never the secret itself",
    (
        "write_key: env:TEST_KEY",
        "write_key: env:TEST_NONE",
    ): "8: {c}.write_key: secret env:TEST_NONE is missing: set the environment variable TEST_NONE",
    ("region: eu", "region: mars"): "9: {c}.region: \"mars\" is none of 'us' or 'eu'",
    ("users.canvas.Entry", "users.canvas.Entri"): (
        "10: {c}.events[1]: 'users.canvas.Entri' selects nothing: no such event type, family or pattern; nearest: users.canvas.Entry"
    ),
    ("users.canvas.Entry", "7"): "10: {c}.events[1]: 7 is not a selection: write a type, a glob or a family, such as Email",
    ("[Email, users.canvas.Entry]", "[]"): "10: {c}.events: is empty: write at least one",
    ("start: earliest", "start: yesterday"): (
        '11: {c}.start: "yesterday" is not a start: write earliest, now, or a time with its zone, such as 2026-01-31T00:00:00Z'
    ),
    ("start: earliest", ""): (
        "7: {c}.start: is missing: Where a first start begins: earliest, now, or a time with its zone, such as 2026-01-31T00:00:00Z."
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.items())
def test_mistakes_at_the_top(expected, text, mistakes):
    """A mistake is one line: file, line, path, what is wrong, what to write."""
    assert [f"c.yaml:12: {expected}"] == mistakes(file(more=text))


@pytest.mark.parametrize(("text", "expected"), IN_A_CONNECTOR.items())
def test_mistakes_in_a_connector(expected, text, mistakes):
    """Deep in the file it is the same: the line is the line of the value."""
    assert [f"c.yaml:12: workspaces.shop.connectors.shop.{expected}"] == mistakes(file(CONNECTOR + text))


@pytest.mark.parametrize(("change", "expected"), INSTEAD.items())
def test_mistakes_in_what_is_required(change, expected, mistakes):
    """What has no default is told as exactly, and a missing setting stands at the line of what it is missing from."""
    assert ["c.yaml:" + expected.format(c="workspaces.shop.connectors.shop")] == mistakes(file(CONNECTOR.replace(*change)))


def test_names_are_labels(mistakes):
    """Names end in metrics, folders and messageIds, so they are plain."""
    expected = 'workspaces.shop.connectors["my shop"]: is not a name: write letters, digits, dots, hyphens and underscores, at most 64, the first a letter or digit'
    assert [f"c.yaml:7: {expected}"] == mistakes(file().replace("      shop:\n", "      my shop:\n"))


@pytest.mark.parametrize(
    "text", ["", "# nothing", "workspaces: {}", "workspaces: {shop: {sources: {}, connectors: {}}}", "[]", "7", "workspaces: [a]"]
)
def test_too_little_is_told_too(text, mistakes):
    """A file without a workspace, or a workspace without a source or connector, is a mistake and not a job with nothing to do."""
    assert all(line.startswith("c.yaml:1: ") for line in mistakes(text))


def test_all_mistakes_at_once_in_the_order_of_the_file(mistakes):
    """Mistakes in the YAML, in values and between parts are reported together, sorted by line."""
    text = file(
        CONNECTOR.replace("env:TEST_KEY", "sk-live-456") + "region: us\nmessage_id: raw\n",
        more=(
            "      other:\n        write_key: env:TEST_NONE\n        region: eu\n        events: [Emial]\n        start: now\n        message_id: raw\n"
            "  cafe:\n    sources: {currents: {url: ./in/cafe, pol: 1s}}\n    connectors: {shop: {}}\nepoch: 2 parsecs\n"
        ),
    )
    lines = mistakes(text)
    assert [8, 12, 15, 17, 19, 21, 21, 22, 22, 22, 22, 22, 23] == [int(line.split(":")[1]) for line in lines]
    assert not [line for line in lines if "sk-live" in line]


def test_secrets_need_not_be_there_where_only_the_file_is_checked(mistakes):
    """Without secrets, a reference is enough; what is not a reference is still a mistake."""
    text = file(CONNECTOR.replace("TEST_KEY", "TEST_NONE")) + "epoch: 0s"
    assert 2 == len(mistakes(text))
    assert ['c.yaml:12: epoch: "0s" is out of bounds: from 100ms to 1m'] == mistakes(text, secrets=False)
