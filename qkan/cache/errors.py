"""What the cache says: an error when it cannot store, a warning when it went on regardless."""

from __future__ import annotations

from circuits.errors import UsageError

__all__ = ["CacheError", "CacheWarning"]


class CacheError(UsageError):
    """A cache folder that cannot be used: unwritable, full, or not a folder."""


class CacheWarning(UserWarning):
    """An entry was damaged or could not be stored; the numbers are right, only time was lost."""
