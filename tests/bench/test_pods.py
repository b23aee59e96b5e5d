import pytest
from tests.bench.data import currents
from tests.bench.limits import UnlimitedError
from tests.bench.logs import Logs
from tests.bench.pods import Shape, TooFewError, measure, steady


def test_speed_is_what_lies_between_a_fifth_and_four_fifths_of_the_deliveries():
    """However slowly it began and ended, and in whatever order requests were written down."""
    start = [(0.0, 10), (20.0, 10)]
    middle = [(20.0 + at / 10, 10) for at in range(1, 8)]
    late = [(100.0, 10)]
    begin, end, messages = steady([*late, *start, *middle])
    assert (20.0, 60) == (begin, messages)
    assert 20.6 == pytest.approx(end)


def test_too_few_requests_tell_no_speed():
    """One has no time between."""
    with pytest.raises(TooFewError, match="1 requests are too few"):
        steady([(1.0, 1000)])


def test_pods_deliver_together_what_has_to_arrive(tmp_path):
    """Each by itself, as pods are: folder, addresses, limit. Where there is no limit there is no figure either."""
    logs = Logs(tmp_path, broker=None, registry=None, data=currents(tmp_path, 20_000))
    run, told = None, ""
    try:
        run = measure(logs, Shape("bucket", 1), 2, tmp_path / "spool")
    except UnlimitedError as error:
        told = str(error)
    assert told if run is None else (run.equal and run.rate > 0 < run.used)
    assert run is None or {"0", "1"} == {folder.name for folder in (tmp_path / "pods").iterdir()}
