from currents_segment.flows.errors import unknown_version


def test_a_state_that_is_newer_wants_a_newer_program():
    """Nothing else reads it rightly."""
    assert (
        "state: ids of version 3, this program knows version 2; use the version of currents-segment that wrote it, or a newer one"
        == str(unknown_version("ids", 3, 2))
    )


def test_a_state_that_is_too_old_is_told_with_the_way_out():
    """A newer program would not help."""
    said = str(unknown_version("ids", 1, 2))
    assert said.startswith(
        "state: ids of version 1, this program knows version 2; go on with the version of currents-segment that wrote it, or move"
    )
    assert "set `start` to a time before the last delivery" in said
