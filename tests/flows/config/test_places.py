from pathlib import Path

import pytest

from currents_segment.flows.config import places
from currents_segment.flows.config.quantities import WrongValueError

FOLDER = Path("/etc/currents")


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b/"),
        ("s3://Bucket", "s3://Bucket"),
        ("gs://bucket/a", "gs://bucket/a"),
        ("az://container/a", "az://container/a"),
        ("file:///etc/currents/in", "./in/"),
        ("file:///etc/in", "../in"),
        ("file:///data/in%20put", "/data/in put"),
        ("file:///data/in%20put", "file:///data/in%20put"),
    ],
)
def test_one_form(expected, value):
    """Folders and buckets have one form: a URL, absolute, without a slash at its end."""
    assert expected == places.normal(value, FOLDER)


@pytest.mark.parametrize(
    "value", ["ftp://host/x", "s3://", "s3:bucket", "file://host/x", "https://bucket.example/x", "", None, 7, ["s3://b"]]
)
def test_what_cannot_be_opened(value):
    """Anything else is refused, and what can be written is listed."""
    with pytest.raises(WrongValueError, match=r"s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or a folder$"):
        places.normal(value, FOLDER)


@pytest.mark.parametrize("value", ["s3://key:pass@bucket/x", "az://container/x?sig=pass", "gs://bucket/x#pass"])
def test_credentials_in_a_url_are_refused_unseen(value):
    """A URL is shown in logs and metrics, so credentials in it are refused, and not repeated."""
    with pytest.raises(WrongValueError, match="by reference") as caught:
        places.normal(value, FOLDER)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "one", "other"),
    [
        (True, "s3://b/a", "s3://b/a"),
        (True, "s3://b", "s3://b/a"),
        (True, "s3://b/a/c", "s3://b/a"),
        (False, "s3://b/a", "s3://b/ab"),
        (False, "s3://b/a", "gs://b/a"),
        (False, "s3://b", "s3://bb"),
    ],
)
def test_overlap(expected, one, other):
    """Two places overlap when one is the other or within it; names that only begin alike do not."""
    assert expected is places.overlap(one, other)
    assert expected is places.overlap(other, one)


@pytest.mark.parametrize("value", ["http://127.0.0.1:8080/v1/batch", "https://api.example"])
def test_endpoints(value):
    """An endpoint is an http or https URL."""
    assert value == places.web(value)


@pytest.mark.parametrize("value", ["api.segment.io", "ftp://x/y", "http://", "http://key@host/"])
def test_what_is_no_endpoint(value):
    """Anything else is refused."""
    with pytest.raises(WrongValueError, match="URL"):
        places.web(value)
