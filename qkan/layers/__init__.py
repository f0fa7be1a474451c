"""Layers for torch models, one a file."""
