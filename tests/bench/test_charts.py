import re
from xml.etree import ElementTree as ET

import pytest
from tests.bench.chart import Bar, Line, Panel, bars, plot, ticks
from tests.bench.flame import draw, tree
from tests.bench.stages import BYTEWAX, DECODE, HTTP, OTHER, PACK, READ, RECOVERY, Stack, parsed, shares, stage

SVG = "{http://www.w3.org/2000/svg}"
RAW = """thread (0x1F): work;Process._flow (currents_segment/flows/process.py:125) 5
thread (31): work;Process._flow (currents_segment/flows/process.py:125);Decode._chunk (currents_segment/flows/steps.py:9);transcode (currents_segment/codecs/kernel.py:210) 15
thread (32): sender;Client.send (currents_segment/sinks/segment/client.py:83);compress (isal) 3
thread (32): sender;run (asyncio/runners.py:1);EpollSelector.select (selectors.py:468) 90
"""


def test_a_bar_is_as_long_as_its_value():
    """On one scale from zero, with what it is and how much."""
    svg = ET.fromstring(bars("Costs <&>", "s", [Bar("a", 10.0, "10"), Bar("b", 5.0, "5", "b")]))
    first, second = (float(each.get("width")) for each in svg.iter(f"{SVG}rect"))
    assert 2.0 == pytest.approx(first / second, rel=0.01)
    assert ["Costs <&>", "s", "a", "10", "b", "5"] == [text.text for text in svg.iter(f"{SVG}text")]


def test_a_line_lies_between_the_ends_of_its_axes():
    """The least lies left, the most on top or below it; title, units, axis and band are named."""
    svg = ET.fromstring(plot("T", [Panel("MB", [Line("memory", [(0, 0), (10, 100)])])], "seconds", band=(2, 4, "down")))
    drawn = next(path.get("d") for path in svg.iter(f"{SVG}path") if "L" in path.get("d"))
    (left, low), (right, high) = ([float(word) for word in pair.split()] for pair in drawn[1:].split("L"))
    assert left < right
    assert high < low
    assert {"T", "MB", "memory", "seconds", "down"} <= {text.text for text in svg.iter(f"{SVG}text")}
    assert "prefers-color-scheme: dark" in "".join(style.text for style in svg.iter(f"{SVG}style"))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0), (3, 97), (0, 123_456), (0, 0.004)])
def test_ticks_are_round_and_hold_both_ends(low, high):
    """Steps of 1, 2 or 5."""
    every = ticks(low, high, 5)
    assert every[0] <= low <= high <= every[-1]
    assert re.match(r"[125](\.0)?e", f"{every[1] - every[0]:.1e}")
    assert len(every) <= 8


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (["_flow (currents_segment/flows/process.py:1)", "transcode (currents_segment/codecs/kernel.py:9)"], DECODE),
        (["SlotPartition.next_batch (currents_segment/flows/source.py:1)", "KafkaLog.read (currents_segment/flows/kafka/log.py:2)"], READ),
        (["SinkSlot.snapshot (currents_segment/sinks/segment/slot.py:1)", "pack (currents_segment/sinks/segment/batch.py:2)"], RECOVERY),
        (["Client.send (currents_segment/sinks/segment/client.py:1)", "compress (isal)"], PACK),
        (["Client.send (currents_segment/sinks/segment/client.py:1)", "write (asyncio/selector_events.py:1)"], HTTP),
        (["Thread.run (threading.py:1)", "Process._flow (currents_segment/flows/process.py:1)"], BYTEWAX),
        (["nothing (we.py:1)"], OTHER),
    ],
)
def test_a_sample_belongs_to_the_stage_of_its_innermost_frame_that_has_one(frames, expected):
    """But a snapshot is one whatever it calls."""
    assert expected == stage(frames)


def test_the_time_of_a_thread_falls_to_the_stages_as_its_samples_do():
    """Threads that wait count nowhere; those of librdkafka read; the sum is what the system accounts for."""
    found = shares(parsed(RAW), {31: ("work", 4.0), 32: ("sender", 1.0), 33: ("rdk:broker1", 0.5), 34: ("tokio", 0.25)})
    assert {BYTEWAX: 1.0, DECODE: 3.0, PACK: 1.0, READ: 0.5, OTHER: 0.25} == found


def test_a_flame_graph_shows_each_function_as_wide_as_its_share():
    """And says its name and share to the pointer."""
    svg = ET.fromstring(draw("T", tree(parsed(RAW))))
    said = [title.text for title in svg.iter(f"{SVG}title")]
    assert "transcode (currents_segment/codecs/kernel.py): 65.2%" in said
    assert "all threads: 100.0%" in said


def test_a_profile_in_another_form_is_no_profile():
    """A newer profiler that writes something else does not give a table of nothing."""
    with pytest.raises(ValueError, match="not a thread"):
        parsed("process 1;main 5")
    assert [Stack(31, "work", ("f (a.py:1)",), 2)] == parsed("thread (31): work;f (a.py:1) 2")
