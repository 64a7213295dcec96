"""The inputs of a build: products looked at, tiles placed, scenes formed, sources fingerprinted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seasonet_build.config import BuildConfig
from seasonet_build.engine import tasks
from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.report import RunReport
from seasonet_build.engine.units import Runner, StageOutcome, Unit, raise_all
from seasonet_build.errors import DataError, ProductError, UnitKilledError
from seasonet_build.model.bands import RASTER_RESOLUTION
from seasonet_build.model.products import PRODUCT_NAME
from seasonet_build.model.seasons import SEASONS
from seasonet_build.model.tiles import Tile
from seasonet_build.sources.container import BROKEN_ARCHIVE, find_containers, open_container
from seasonet_build.sources.products import Product
from seasonet_build.sources.scenes import Scene, SetAside, make_scenes
from seasonet_build.sources.tiles import misplacement, place_tiles, tile_names
from seasonet_build.stages.select import in_window
from seasonet_build.storage import text_digest

INSPECT_FORMAT = "inspect 1"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Inputs:
    """Tiles and scenes of a build, both sorted."""

    tiles: list[Tile]
    scenes: list[Scene]


ALL_RASTERS = tuple(sorted(RASTER_RESOLUTION))

Run = Callable[[Sequence[Unit]], StageOutcome]
"""Carries out the units of a stage and counts them."""


def gather_inputs(
    config: BuildConfig,
    run: Run,
    store: ManifestStore,
    report: RunReport,
    needed: Sequence[str] = ALL_RASTERS,
    killers: Mapping[str, str] | None = None,
) -> Inputs:
    """Find and inspect products and form scenes; what is not used goes into the report, with the reason.

    ``needed`` are the rasters that a product must have, ``killers`` products that this run cannot use, and why.

    Raises:
        DataError: there is no product, or one is damaged and ``products.damaged`` is ``stop``.
        ConfigError: the area is wrong.
    """
    report.set_aside = []
    paths = _find_products(config)
    products, errors = _inspect(_of_listed_tiles(paths, config, report), run, report, needed)
    names = tile_names(config.area, products)
    report.set_aside += [_not_in_area(p.name, p.tile) for p in products if p.tile not in names]
    products = [p for p in products if p.tile in names]
    tiles = place_tiles(config.area, names, products)
    unusable = {name: ProductError(name, reason) for name, reason in (killers or {}).items()}
    findings = [(p, misplacement(p, tiles) or known_damage(p, config, store) or unusable.get(p.name)) for p in products]
    errors += [error for _, error in findings if error is not None]
    _set_aside_damaged(errors, config, report)
    scenes, superseded = make_scenes(p for p, error in findings if error is None)
    report.set_aside += superseded
    scenes = _in_some_window(scenes, config, report)
    if not scenes:
        raise DataError(f"no usable product in {_folders(config)}; {_reasons(report)}")
    return Inputs(list(tiles.values()), scenes)


def remember_damage(product: Product, reason: str, config: BuildConfig, store: ManifestStore) -> None:
    """Record that a product turned out to be damaged, so that later runs do not choose it again.

    Raises:
        DataError: it cannot be read at all now: that may be the fault of the disk or the network.
    """
    _require_readable(product)
    result = {"product": product.name, "reason": reason}
    store.write(Manifest("damage", product.digest, _damage_fingerprint(product, config), (), result))


def _require_readable(product: Product) -> None:
    try:
        container = open_container(Path(product.path))
        for name in container.names():
            with container.open(name) as stream:
                while stream.read(_PIECE):
                    pass
    except OSError as error:
        raise DataError(f"{product.path}: cannot be read: {error}; run again once that is mended") from None
    except (*BROKEN_ARCHIVE, ProductError):
        return  # This is damage.


def known_damage(product: Product, config: BuildConfig, store: ManifestStore) -> ProductError | None:
    """Return the damage that an earlier run found in this very product; a replaced product is looked at anew."""
    record = store.read("damage", product.digest)
    if record is None or record.fingerprint != _damage_fingerprint(product, config):
        return None
    return ProductError(product.name, str(record.result["reason"]))


def _damage_fingerprint(product: Product, config: BuildConfig) -> str:
    return text_digest(product.digest, str(config.products.max_zero_share))


def source_digest(name: str, files: Sequence[Path], runner: Runner, report: RunReport) -> str:
    """Return a text that stands for the content of some files; read again only when sizes or times change."""
    stats = [(file, file.stat()) for file in files]
    signature = "\n".join(f"{file} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats)
    unit = Unit("source", name, (INSPECT_FORMAT, signature), partial(tasks.digest_source, tuple(files)))
    outcome = runner.run([unit])
    raise_all(outcome.errors)
    report.count("source", [name], outcome.ran)
    return str(outcome.manifests[name].result["digest"])


def _find_products(config: BuildConfig) -> list[Path]:
    for folder in config.products.folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder (products.folders)")
    found = {path for folder in config.products.folders for path in find_containers(folder)}
    paths = sorted(path for path in found if "_MSIL2A_" in path.name)
    if not paths:
        raise DataError(f"no Sentinel-2 Level-2A product (.SAFE or .COG folder, or .zip) in {_folders(config)}")
    return paths


def _of_listed_tiles(paths: Sequence[Path], config: BuildConfig, report: RunReport) -> list[Path]:
    """Leave out products of tiles that the configuration does not list, without opening them."""
    if not config.area.tiles:
        return list(paths)
    kept = []
    for path in paths:
        match = PRODUCT_NAME.fullmatch(path.name)
        if match is not None and match["tile"] not in config.area.tiles:
            report.set_aside.append(_not_in_area(path.stem, match["tile"]))
        else:
            kept.append(path)
    return kept


def _not_in_area(product: str, tile: str) -> SetAside:
    return SetAside(product=product, reason=f"tile {tile} is not in the area")


def _inspect(
    paths: Sequence[Path], run: Run, report: RunReport, needed: Sequence[str]
) -> tuple[list[Product], list[ProductError]]:
    units, looked_at, errors = [], [], []
    for path in paths:
        try:
            signature = open_container(path).signature()
        except ProductError as error:
            errors.append(error)
            continue
        parts = () if tuple(needed) == ALL_RASTERS else tuple(needed)
        key = ".".join([path.name, text_digest(str(path.parent))[:8], *parts])
        task = partial(tasks.inspect, path, tuple(needed))
        units.append(Unit("inspect", key, (INSPECT_FORMAT, str(path), signature, *parts), task))
        looked_at.append(path)
    outcome = run(units)
    names = {unit.key: path.name for unit, path in zip(units, looked_at, strict=True)}
    for key, failed in outcome.errors.items():
        if isinstance(failed, UnitKilledError):
            errors.append(ProductError(names[key], str(failed)))
        elif isinstance(failed, ProductError):
            errors.append(failed)
        else:
            raise failed
    manifests = {unit.key: outcome.manifests[unit.key] for unit in units if unit.key in outcome.manifests}
    products = {key: Product.model_validate(manifest.result) for key, manifest in manifests.items()}
    # Said when a product is first looked at, not again in every later run.
    report.unverified = sorted(products[key].name for key in outcome.ran if not products[key].manifest_credible)
    return list(products.values()), errors


def _set_aside_damaged(errors: Sequence[ProductError], config: BuildConfig, report: RunReport) -> None:
    if errors and config.products.damaged == "stop":
        raise DataError("; ".join(str(error) for error in errors))
    report.set_aside += [SetAside(product=e.product, reason=e.reason, damaged=True) for e in errors]


def _in_some_window(scenes: Sequence[Scene], config: BuildConfig, report: RunReport) -> list[Scene]:
    """Keep the scenes whose date lies in the window of some season set."""
    windows = [config.seasons.window(season) for season in SEASONS]
    kept = []
    for scene in scenes:
        if any(in_window(scene.start, window) for window in windows):
            kept.append(scene)
        else:
            reason = f"{scene.start:%Y-%m-%d} is outside all season windows"
            report.set_aside += [SetAside(product=p.name, reason=reason) for p in scene.products]
    return kept


def _folders(config: BuildConfig) -> str:
    return ", ".join(str(folder) for folder in config.products.folders)


def _reasons(report: RunReport) -> str:
    shown = [f"{item.product}: {item.reason}" for item in report.set_aside[:3]]
    more = len(report.set_aside) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
