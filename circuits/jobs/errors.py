"""What can go wrong with a job."""

from __future__ import annotations

from circuits.errors import UsageError

__all__ = ["JobError", "TransientError"]


class JobError(UsageError):
    """A job that did not bring its results; those of other jobs are kept, and so is this one's number."""


class TransientError(Exception):
    """A service that did not answer, and may answer soon: asking again costs nothing."""
