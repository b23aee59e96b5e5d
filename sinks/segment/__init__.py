"""Segment as a sink: what is sent, what its answers mean, and when to try again."""
