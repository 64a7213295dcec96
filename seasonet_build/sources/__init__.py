"""Where inputs come from: Sentinel-2 products, the land-cover map, region types."""
