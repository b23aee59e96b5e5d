# ruff: noqa: A005 - imported as currents_segment.codecs, so the standard library module of that name is not hidden
"""Bytes and meaning: Avro framing and decoding, the Currents catalogue, the Segment message. No I/O, no clock, no Bytewax."""
