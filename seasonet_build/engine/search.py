"""What a build asks of a catalogue: a query for each tile and season set."""

from seasonet_build.config import BuildConfig
from seasonet_build.config.seasons import SeasonWindow
from seasonet_build.errors import ConfigError
from seasonet_build.model.seasons import SEASONS, Season
from seasonet_build.model.tiles import Tile
from seasonet_build.providers.offers import Provider, Query
from seasonet_build.sources.tiles import place_tiles, tile_names
from seasonet_build.stages.product_lock import Group, Key, Locked
from seasonet_build.stages.search import Baselines, choose_scenes, resolve_duplicates
from seasonet_build.storage import text_digest

_DIGITS = 12


def tiles_of(config: BuildConfig) -> dict[str, Tile]:
    """Return the tiles that products are needed for, by name, sorted.

    Raises:
        ConfigError: the configuration does not name them.
    """
    names = tile_names(config.area, ())
    if not names:
        raise ConfigError("area.tiles: name the tiles to download (or area.tile_table); products cannot tell them yet")
    return place_tiles(config.area, names, ())


def make_query(config: BuildConfig, tile: str, season: Season) -> Query:
    """Return what is searched for: limits of the scene are those of the patches with a margin."""
    window, options = config.seasons.window(season), config.download
    cloud = 100.0 if window.max_cloud is None else min(100.0, window.max_cloud + options.cloud_margin)
    if isinstance(window, SeasonWindow):
        snow = min(100.0, window.max_snow + options.snow_margin)
        return Query(tile, window.start, window.end, cloud, snow)
    return Query(tile, window.start, window.end, cloud, min_snow=options.min_snow)


def make_requests(config: BuildConfig, tiles: dict[str, Tile]) -> dict[Key, str]:
    """Return for each tile and season set a digest of all that its choice depends on."""
    options = config.download
    rest = f"{options.cover} {options.max_scenes} {options.min_baseline} {options.max_baseline}"
    return {
        Key(name, season): text_digest(repr(make_query(config, name, season)), repr(tile), rest)[:_DIGITS]
        for name, tile in tiles.items()
        for season in SEASONS
    }


def choose(config: BuildConfig, provider: Provider, tile: Tile, season: Season, request: str) -> Group:
    """Search for a tile and season set and choose.

    Raises:
        SearchError: the catalogue cannot be asked.
    """
    options = config.download
    offers = provider.search.search(make_query(config, tile.name, season))
    acquisitions = resolve_duplicates(offers, Baselines(options.min_baseline, options.max_baseline))
    chosen = choose_scenes(
        acquisitions, tile, cover=options.cover, at_most=options.max_scenes, snowy=season is Season.SNOW
    )
    products = [offer for acquisition in chosen for offer in acquisition.offers]
    return Group(request, tuple(Locked(o.name, round(o.cloud, 2), _rounded(o.snow)) for o in products))


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)
