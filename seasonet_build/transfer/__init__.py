"""Fetching files: resumed, verified, within limits, and never half a file under its own name."""
