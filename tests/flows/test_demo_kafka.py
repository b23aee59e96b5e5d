import json

import httpx
import pytest

from currents_segment.flows.demo_kafka import Feed, Registry
from currents_segment.flows.errors import FailedError


def test_a_schema_is_found_by_its_number():
    """A schema has one number, from 1 on, whoever registers it again; another number is answered as Confluent's registry does."""
    registry = Registry()
    schemas = [json.dumps({"type": "record", "name": name, "fields": []}) for name in ("a", "b")]
    assert [1, 2, 1] == [registry.number(schema) for schema in (*schemas, schemas[0])]
    with registry.serving(), httpx.Client(base_url=registry.url, trust_env=False) as client:
        for number, schema in enumerate(schemas, 1):
            assert {"schema": schema} == client.get(f"/schemas/ids/{number}?fetchMaxId=false").json()
        for path in ("/schemas/ids/3", "/schemas/ids/0", "/schemas/ids/x", "/subjects"):
            answer = client.get(path)
            assert (404, 40403) == (answer.status_code, answer.json()["error_code"])


def test_brokers_that_are_not_there(tmp_path, monkeypatch):
    """It is said that there is no answer, in one line, instead of waiting for ever."""
    monkeypatch.setattr("currents_segment.flows.demo_kafka.ANSWER", 0.1)
    with pytest.raises(FailedError, match="the demo's topics cannot be created"), Feed("127.0.0.1:1", Registry(), {tmp_path: "t"}).open():
        pass
