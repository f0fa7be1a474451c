"""Quark against gluon jets: classical and quantum taggers, their errors, and what they learned."""

from __future__ import annotations

from qkan.experiments.jets.study import Config, arms, run

__all__ = ["Config", "arms", "run"]
