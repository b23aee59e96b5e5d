"""What a run shows of itself while it works: probes, metrics, status and traces; no key and no person in any of them."""

import gzip
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from tests.system.rig import command, free_port, key


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_probes_metrics_and_status_tell_what_the_ledger_knows(job, double, currents):
    """All on one port; the numbers of all three are the same."""
    port = free_port()
    one = job(currents.folder, http={"port": port})
    run = one.start()
    one.until_kept(currents.due())
    one.until(lambda: not (one.connector()["in_flight"] or one.connector()["letters_pending"]), "the ledger to settle")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert 200 == client.get("/livez").status_code
        assert 200 == client.get("/readyz").status_code
        assert 404 == client.get("/elsewhere").status_code
        document = client.get("/status").json()
        metrics = client.get("/metrics").text
    shop = document["connectors"]["shop"]
    assert currents.ledgers["shop"]["received"] == shop["received"]
    assert 0 == shop["balance"]
    delivered = ("currents_segment_events_total", ("connector", "shop"), ("reason", ""), ("state", "delivered"), ("workspace", "acme"))
    assert currents.due() == samples(metrics)[delivered]
    seen = command("status", one.config)
    assert f"{shop['received']:,}" in seen.stdout
    run.stop(signal.SIGINT)
    for text in (metrics, str(document), run.text(), seen.stdout):
        assert key("shop") not in text
        assert "@example" not in text.replace("data@example.com", "")


@pytest.fixture
def collector():
    """An OTLP/HTTP receiver; gives its URL and the spans that it has got."""
    spans = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = ExportTraceServiceRequest.FromString(
                gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            )
            spans.extend(span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


def test_every_chunk_and_batch_has_a_span_and_batches_are_linked_to_their_chunks(job, double, currents, collector):
    """So that one can go from a request to the place in the log, and back; counts in the spans add up to the ledger."""
    url, spans = collector
    one = job(currents.folder)
    one.once(env={"OTEL_EXPORTER_OTLP_ENDPOINT": url})
    chunks = {span.span_id: span for span in spans if span.name == "chunk"}
    batches = [span for span in spans if span.name == "batch"]
    assert currents.ledgers["shop"]["received"] == sum(attribute(span, "currents_segment.received") for span in chunks.values())
    assert currents.due() == sum(attribute(span, "currents_segment.events") for span in batches)
    assert all(link.span_id in chunks for span in batches for link in span.links)
    assert all(span.links for span in batches)
    text = str([span.attributes for span in spans])
    assert key("shop") not in text
    assert "@" not in text


def attribute(span, name):
    return next(one.value.int_value for one in span.attributes if one.key == name)
