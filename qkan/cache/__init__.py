"""Results that were computed once: content-addressed, checksummed, and never executed.

Arrays are kept as safetensors files, which hold numbers and text and nothing that could run.
"""

from __future__ import annotations

from qkan.cache.chunks import cached_chunks
from qkan.cache.errors import CacheError, CacheWarning
from qkan.cache.keys import describe, digest, key
from qkan.cache.listing import Check, Entry
from qkan.cache.store import Store

__all__ = [
    "CacheError",
    "CacheWarning",
    "Check",
    "Entry",
    "Store",
    "cached_chunks",
    "describe",
    "digest",
    "key",
]
