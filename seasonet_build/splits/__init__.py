"""Dealing locations to training, validation and test sets, and telling what came of it."""
