"""Simulators: a producer of Currents with its expected outcome, and a double of Segment. Users test their set-up with them."""
