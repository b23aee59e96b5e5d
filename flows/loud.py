"""A bug in a step is logged where it happens: in a cluster Bytewax shows only that some thread panicked."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog

from currents_segment.flows.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")


def loud(function: Callable[P, R]) -> Callable[P, R]:
    """Log what the function raises, then let it through: the process dies and resumes from the last commit."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (StopIteration, UserError):  # the one is an end, the other is told as a sentence
            raise
        except BaseException:
            structlog.get_logger().exception("step.failed", step=function.__qualname__)
            raise

    return call
