"""The version of the distribution and of the numbers it computes."""

__version__ = "0.1.0"

NUMERICS = 3
"""Raised when the same configuration would give other numbers; a part of every cache key."""
