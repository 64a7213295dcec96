"""Pixels: block-wise reading, counting per cell, GeoTIFF writing."""
