"""Events from a bucket or a folder: what is there, where each unit stands, and a log that reads ahead without ever making its caller wait."""

from currents_segment.flows.bucket.lane import Unread
from currents_segment.flows.bucket.layout import CLASSES, unit_of
from currents_segment.flows.bucket.log import BucketLog, Lag, Read
from currents_segment.flows.bucket.position import Position
from currents_segment.flows.bucket.survey import Survey, survey

__all__ = ["CLASSES", "BucketLog", "Lag", "Position", "Read", "Survey", "Unread", "survey", "unit_of"]
