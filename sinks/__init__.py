"""Where messages go: Segment, and dead letters."""
