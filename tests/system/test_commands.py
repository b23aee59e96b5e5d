"""Every command with a mistake: one clear line a mistake, the documented exit code, and never a traceback."""

import subprocess

import pytest
from tests.system.exports import export
from tests.system.rig import CLI, free_port


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a configuration that is right, several that are not, and an Avro file."""
    home = tmp_path_factory.mktemp("home")
    made = export(home / "made", "--tidy", "--types", "users.messages.email.Click", count=20)
    (home / "click.avro").write_bytes(made.files()[0].read_bytes())
    (home / "text.avro").write_text("not Avro at all, but long enough to hold a header if it were")
    (home / "right.yaml").write_text(configuration())
    (home / "typo.yaml").write_text(configuration().replace("region: us", "regoin: us").replace("poll: 1s", "poll: 1 fortnight"))
    (home / "keyless.yaml").write_text(configuration().replace("file:./key", "env:NOT_SET_ANYWHERE"))
    (home / "key").write_text("shop-w3r1te-k3y")
    (home / "currents").mkdir()
    (home / "stateless.yaml").write_text(configuration().replace("./state", "./key"))
    (home / "torn.yaml").write_text("workspaces: {shop: [")
    return home


def configuration():
    """A small one, as a person would write it."""
    return f"""
state: ./state
http: {{port: {free_port()}}}
workspaces:
  acme:
    sources:
      currents: {{url: ./currents, poll: 1s}}
    connectors:
      shop:
        integration_name: Shop
        contact_email: data@example.com
        write_key: file:./key
        region: us
        events: [Email]
        start: earliest
        endpoint: http://127.0.0.1:9/v1/batch
"""


MISTAKES = [
    (["run"], 2, "Missing argument"),
    (["run", "absent.yaml"], 2, "absent.yaml"),
    (["run", "typo.yaml", "--once"], 2, "did you mean region"),
    (["run", "typo.yaml", "--once"], 2, "poll"),
    (["run", "torn.yaml"], 2, "torn.yaml:1"),
    (["run", "keyless.yaml"], 2, "NOT_SET_ANYWHERE"),
    (["run", "right.yaml", "--processes", "17"], 2, "--processes"),
    (["run", "right.yaml", "--log-level", "loud"], 2, "loud"),
    (["run", "stateless.yaml"], 2, "cannot keep state here"),
    (["check", "absent.yaml"], 2, "absent.yaml"),
    (["check", "right.yaml"], 1, "127.0.0.1:9"),
    (["status"], 2, "--url"),
    (["status", "right.yaml"], 1, "no status of an earlier run"),
    (["status", "--url", "http://127.0.0.1:9"], 1, "nothing answers at http://127.0.0.1:9"),
    (["compare", "--expected", "absent.gz", "--view", "absent.jsonl"], 2, "absent.gz"),
    (["compare", "--expected", "made/expected.jsonl.gz", "--view", "http://127.0.0.1:9"], 1, "127.0.0.1:9"),
    (["simulate", "currents", "--out", "out", "--types", "users.messages.emial.*"], 2, "users.messages.emial.*"),
    (["simulate", "currents", "--out", "out", "--share", "duplicates=2"], 2, "duplicates"),
    (["simulate", "segment"], 2, "--key"),
    (["simulate", "segment", "--key", "s3cret-without-a-name"], 2, "NAME=KEY"),
    (["dead-letters", "list"], 2, "--place"),
    (["dead-letters", "list", "right.yaml", "--reason", "expirred"], 2, "expirred"),
    (["dead-letters", "show", "shop:unknown", "right.yaml"], 1, "shop:unknown"),
    (["explain", "absent.avro"], 2, "absent.avro"),
    (["explain", "click.avro", "--index", "20"], 1, "20"),
    (["transcode", "text.avro"], 1, "text.avro"),
    (["transcode", "absent.avro"], 2, "absent.avro"),
    (["catalogue", "users.messages.emial.Click"], 2, "users.messages.emial.Click"),
    (["config", "schema", "extra"], 2, "extra"),
    (["simulat"], 2, "simulat"),
]


@pytest.mark.parametrize(("arguments", "code", "named"), MISTAKES, ids=[" ".join(each[0]) for each in MISTAKES])
def test_a_mistake_is_named_and_no_traceback_is_shown(home, arguments, code, named):
    """What is wrong, on stderr, with exit code 2 for a mistake of usage or configuration and 1 for a job that could not be done."""
    done = subprocess.run([*CLI, *arguments], cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert code == done.returncode, done.stdout + done.stderr
    assert named in done.stderr + (done.stdout if arguments[0] == "check" else ""), done.stdout + done.stderr  # its findings are its output
    assert "Traceback" not in done.stdout + done.stderr
    assert "s3cret" not in done.stdout + done.stderr
