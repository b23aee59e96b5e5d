from pathlib import Path

import pytest

from currents_segment.flows.config.document import parse
from currents_segment.flows.config.rules import broken


def rules(text):
    """What the rules say of a text: place and sentence."""
    document = parse(text, Path("c.yaml"))
    return [document.sentence(mistake) for mistake in broken(document.data, Path("/etc"))]


def test_connectors_have_different_names():
    """Metrics, state and messageIds go by a connector's name, so it is unique in the whole file."""
    text = "workspaces:\n  a: {connectors: {x: {}, y: {}}}\n  b:\n    connectors:\n      x: {}\n"
    assert [
        "c.yaml:5: workspaces.b.connectors.x: has the name of workspaces.a.connectors.x: give it another, metrics and state go by it"
    ] == rules(text)


@pytest.mark.parametrize("other", ["s3://b/p", "s3://b/p/", "s3://b/p/deeper", "s3://b"])
def test_sources_do_not_overlap_in_a_workspace(other):
    """A source within another would send its events twice, with other positions."""
    text = f"workspaces:\n  a:\n    sources:\n      x: {{url: s3://b/p}}\n      y: {{url: {other}}}\n"
    expected = "overlaps workspaces.a.sources.x.url: name the folder of one integration in each, or events are sent twice"
    assert [f"c.yaml:5: workspaces.a.sources.y.url: {expected}"] == rules(text)


def test_sources_do_not_overlap_between_workspaces():
    """Deduplication ends at the workspace: the same source in two would send everything twice."""
    text = "workspaces:\n  a: {sources: {x: {url: ./in}}}\n  b: {sources: {x: {url: /etc/in}}}\n"
    assert 1 == len(rules(text))


@pytest.mark.parametrize(
    "text",
    [
        "workspaces: {a: {sources: {x: {url: s3://b/p}, y: {url: s3://b/pp}}}}",
        "workspaces: {a: {sources: {x: {url: s3://b/p, options: {endpoint: http://one}}, y: {url: s3://b/p, options: {endpoint: http://two}}}}}",
        "workspaces: {a: {connectors: {x: {message_id: raw}, y: {}}}, b: {connectors: {z: {message_id: raw}}}}",
        "workspaces: {a: {sources: {x: {url: s3://b/p, options: {region: eu, access_key_id: AK, token_file: /x}}}}}",
        "workspaces: {a: {sources: {x: {url: s3://b/p, options: {secret_access_key: env:X, session_token: file:Y}}}}}",
        "workspaces: {a: {sources: [x], connectors: 7}, b: null}",
        "workspaces: {a: {sources: {x: {url: s3://b/p}}}}\ndead_letters: s3://b/dead",
        "workspaces: {a: {sources: {x: {url: s3://b/p/q}}}}\ndead_letters: s3://b/p",
        "state: 7\ndead_letters: ftp://x/y\nworkspaces: {a: {sources: {x: {url: 7}}}}",
        "state: [x]\ndead_letters: {}\nworkspaces: {a: {sources: {x: {url: [7]}}}}",
        "workspaces: 7",
        "7",
        "",
    ],
)
def test_what_breaks_no_rule(text):
    """Neighbours, other servers, references and parts of the wrong shape (which the models report) break none of these rules."""
    assert [] == rules(text)


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("dead_letters", "s3://b/p/dead"),
        ("dead_letters", "s3://b/p"),
        ("dead_letters", "./in/dead"),
        ("state", "./in"),
        ("state", "/etc/in/x"),
    ],
)
def test_nothing_is_written_where_events_are_read(key, written):
    """State and dead letters within a source would be read as events, and dead letters would breed dead letters."""
    text = f"workspaces: {{a: {{sources: {{x: {{url: s3://b/p}}, y: {{url: ./in}}}}}}}}\n{key}: {written}\n"
    source = "x" if written.startswith("s3") else "y"
    expected = (
        f"c.yaml:2: {key}: lies within workspaces.a.sources.{source}.url: its files would be read as events; choose a place beside it"
    )
    assert [expected] == rules(text)


def test_the_default_state_is_checked_too():
    """A source that is the configuration's own folder holds the state folder."""
    assert 1 == len(rules("workspaces: {a: {sources: {x: {url: .}}}}"))


def test_raw_ids_go_to_one_connector_of_a_workspace():
    """Segment keeps one event per messageId, over all its sources: two connectors with the same raw ids would share the events out."""
    text = "workspaces:\n  a:\n    connectors:\n      x: {message_id: raw}\n      y: {message_id: namespaced}\n      z: {message_id: raw}\n"
    (mistake,) = rules(text)
    assert mistake.startswith("c.yaml:6: workspaces.a.connectors.z.message_id: is raw, as in x, ")


@pytest.mark.parametrize(
    "option",
    ["secret_access_key", "aws_secret_access_key", "session_token", "account_key", "sas_token", "service_account_key", "client_secret"],
)
def test_secrets_among_options_are_references(option):
    """An option that holds a secret is refused where it is written out, and not repeated."""
    expected = f"c.yaml:1: workspaces.a.sources.x.options.{option}: is a secret: write env:NAME or file:PATH, never the secret itself"
    assert [expected] == rules(f"workspaces: {{a: {{sources: {{x: {{url: s3://b, options: {{{option}: AKIA123}}}}}}}}}}")


@pytest.mark.parametrize(("one", "other"), [("currents", "currents"), ("^cur.*", "currents"), ("currents", "^cur.*"), ("^c.*", "^c.*")])
def test_a_topic_is_read_by_one_source(one, other):
    """Twice read is twice sent, with other positions."""
    brokers = "{bootstrap: 'a:1,b:1', topics: [%s]}"
    text = f"workspaces:\n  a:\n    sources:\n      x: {{kafka: {brokers % one}}}\n      y: {{kafka: {brokers % other}}}\n"
    expected = "is read by workspaces.a.sources.x.kafka.topics.0 already: every event would be sent twice; keep one of them"
    assert [f"c.yaml:5: workspaces.a.sources.y.kafka.topics[0]: {expected}"] == rules(text)
    assert [] == rules(text.replace("y: {kafka: {bootstrap: 'a:1,b:1'", "y: {kafka: {bootstrap: 'c:1'"))
