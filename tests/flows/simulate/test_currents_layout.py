from currents_segment.flows.simulate.currents_layout import EXPORT, key

AT = 1767323045.0  # 2026-01-02T03:04:05Z


def test_the_old_layout():
    """Integration, type, hour, schema id, zone, file: as Braze has written for years."""
    assert f"{EXPORT}/event_type=users.canvas.Entry/date=2026-01-02-03/7/zone-1/currents+1+0000000009.avro" == key(
        "old", "users.canvas.Entry", AT, 7, 9
    )


def test_the_new_layout():
    """Integration, type, hour, version, environment, file: as of 2026."""
    assert f"{EXPORT}/event_type=users.canvas.Entry/date=2026-01-02-03/version=7/production/currents+1+0000000009.avro" == key(
        "new", "users.canvas.Entry", AT, 7, 9
    )
