"""Quark against gluon jets: classical and quantum taggers, their errors, and what they learned."""
