"""Bytes and meaning: Avro framing and decoding, the Currents catalogue, the Segment message. No I/O, no clock, no Bytewax."""
