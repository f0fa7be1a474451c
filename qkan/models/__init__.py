"""Models made of this library's layers, each from a plain configuration."""
