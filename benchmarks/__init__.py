"""Benchmarks: what the stages cost beside a floor and beside the loops that are common today."""
