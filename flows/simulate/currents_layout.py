"""Where Braze puts a file in a bucket: the layout that it has used for years, and the one of 2026. Source: Braze's documentation of Currents storage."""

from datetime import UTC, datetime
from typing import Final, Literal

Layout = Literal["old", "new"]

CLUSTER: Final = "prod01"
INTEGRATION: Final = "ab5c0ffee5e9d1c0de0fab1e"
EXPORT: Final = f"dataexport.{CLUSTER}.S3.integration.{INTEGRATION}"
RECORD_PREFIX: Final = f"{EXPORT}.inner."
"""What stands before the type in the schema's full name."""
PARTITIONS: Final = 8


def key(layout: Layout, folder: str, at: float, schema_id: int, number: int) -> str:
    """The key of one file below the source's URL.

    Args:
        layout: which of the two.
        folder: the type that `event_type=` names.
        at: when the file is written, seconds since the epoch; decides the hour's folder.
        schema_id: number of the schema (old), or of its version (new).
        number: number of the file in the export; makes the key unique.
    """
    hour = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d-%H}"
    place = f"{schema_id}/zone-1" if layout == "old" else f"version={schema_id}/production"
    return f"{EXPORT}/event_type={folder}/date={hour}/{place}/currents+{number % PARTITIONS}+{number:010d}.avro"
