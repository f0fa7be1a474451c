"""Benchmarks: CPU time and memory of this library's hot paths, with the floor beside each."""
