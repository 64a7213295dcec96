"""What SeasoNet is: classes, bands, seasons, tiles, grids, names, tables. No file and no network here."""
