"""Where products are found and fetched from."""
