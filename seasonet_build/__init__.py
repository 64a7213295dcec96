"""Build the SeasoNet dataset: Sentinel-2 patches of four seasons and snow, with land-cover labels."""

from importlib.metadata import version

__version__ = version("seasonet-build")
