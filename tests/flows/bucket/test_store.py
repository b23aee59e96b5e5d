import pytest

from currents_segment.flows.bucket import store
from currents_segment.flows.bucket.store import FAULTS, Kind
from currents_segment.flows.errors import UserError


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((403, "AccessDenied"), Kind.ACCESS),
        ((403, "InvalidAccessKeyId"), Kind.ACCESS),
        ((401, "Unauthorized"), Kind.ACCESS),
        ((400, "ExpiredToken"), Kind.EXPIRED),
        ((404, "NoSuchBucket"), Kind.BUCKET),
        ((301, "PermanentRedirect"), Kind.REGION),
        ((500, "InternalError"), Kind.OTHER),
        ((503, "SlowDown"), Kind.SLOW),
    ],
)
@pytest.mark.parametrize("request_", ["list", "get"])
def test_a_fault_has_a_name(bucket, monkeypatch, answer, expected, request_):
    """What a bucket answers, to listing or to reading, is told to an operator in the same words, with a remedy and without its text."""
    monkeypatch.setitem(store.RETRY, "max_retries", 0)
    bucket.spoil = lambda _method, _what: answer
    source = bucket.source
    opened = store.open_store(source)
    with pytest.raises(FAULTS) as fault:
        opened.list().collect() if request_ == "list" else opened.get_range("f.avro", start=0, length=10)
    assert expected == store.classify(fault.value, source.url)
    line = store.message(expected, source.url, "f.avro")
    assert line.startswith(f"{expected}: s3://shop/exports (f.avro); ")
    assert "hush" not in line


def test_an_object_that_is_not_there_is_no_fault_of_the_store(bucket, folder):
    """A missing object of a bucket or folder that is there has no kind: it vanished."""
    for source in (bucket.source, folder.source):
        with pytest.raises(FileNotFoundError) as fault:
            store.open_store(source).get_range("f.avro", start=0, length=10)
        assert store.classify(fault.value, source.url) is None


def test_a_folder_that_is_gone_is(folder):
    """An unmounted folder makes no object vanish."""
    source = folder.source
    opened = store.open_store(source)
    folder.path.rmdir()
    with pytest.raises(FAULTS) as fault:
        opened.get_range("f.avro", start=0, length=10)
    assert store.classify(fault.value, source.url) is Kind.FOLDER


def test_nobody_there_is_unreachable(bucket, monkeypatch):
    """A refused connection and a name that doesn't resolve are told as such."""
    monkeypatch.setitem(store.RETRY, "max_retries", 0)
    source = bucket.source
    for endpoint in ("http://127.0.0.1:1", "http://nowhere.invalid"):
        source.options["endpoint"] = endpoint
        with pytest.raises(FAULTS) as fault:
            store.open_store(source).list().collect()
        assert store.classify(fault.value, source.url) is Kind.UNREACHABLE


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("s3://shop", {"colour": "hush"}, "Configuration key: 'colour' is not valid for store 'S3'"),
        ("ftp://shop/exports", {}, "ftp://shop/exports"),
        ("az://container", {}, "Account must be specified"),
    ],
)
def test_a_setting_that_no_store_knows_is_a_mistake(bucket, url, options, said):
    """Unknown options and schemes are said in one line, without an option's value."""
    source = bucket.source
    source.url, source.options = url, options
    with pytest.raises(UserError) as mistake:
        store.open_store(source)
    assert said in str(mistake.value)
    assert str(mistake.value).startswith("settings refused: ")
    assert "hush" not in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_client_options_are_options_too(bucket):
    """Time-outs and plain text belong to the HTTP client; the user needn't know."""
    source = bucket.source
    source.options |= {"timeout": "3s", "allow_http": "true", "connect_timeout": "1s"}
    bucket.events(["a"], "a")
    assert len(store.open_store(source).list().collect()) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://me:hush@shop/exports/?token=hush", "s3://shop/exports"),
        ("az://container/exports", "az://container/exports"),
        ("file:///var/currents%20old", "/var/currents old"),
        ("/var/currents", "/var/currents"),
    ],
)
def test_a_place_is_named_without_secrets(url, expected):
    """Messages, spans and dead letters name the log without user, password and query."""
    assert expected == store.place(url)
