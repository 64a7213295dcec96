"""Holding a dataset against its record, against itself, and against another one."""
