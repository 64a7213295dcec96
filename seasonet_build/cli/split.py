"""``seasonet-build split``: training, validation and test sets of a dataset that is there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from seasonet_build.cli.options import json_option, set_option, verbosity_options
from seasonet_build.cli.splitting import print_comparison, print_split
from seasonet_build.config import BuildConfig, load_config
from seasonet_build.config.load import load_split_options
from seasonet_build.config.split import SplitSection
from seasonet_build.engine.build import Build
from seasonet_build.engine.lock import locked
from seasonet_build.engine.owner import check_owner
from seasonet_build.engine.places import check_places
from seasonet_build.engine.publish import refuse_unfinished, renew_sums
from seasonet_build.errors import ExitCode
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits.store import REPORT, compare_sides, read_sides
from seasonet_build.stages.meta import require_meta
from seasonet_build.stages.split import adopt_split, compare_splits, split_dataset

_FOLDER = click.Path(path_type=Path)


@click.command("split")
@click.argument("target", metavar="CONFIG|DATASET", type=_FOLDER)
@set_option
@click.option("--compare", nargs=2, metavar="A B", type=_FOLDER, help="Only tell the figures of two folders of splits.")
@click.option("--import", "adopted", metavar="DIR", type=_FOLDER, help="Take over the split of the dataset in DIR.")
@json_option
@verbosity_options
def command(
    target: Path, overrides: tuple[str, ...], compare: tuple[Path, Path] | None, adopted: Path | None, as_json: bool
) -> int:
    """Deal the samples of a dataset to splits/train.csv, val.csv and test.csv, and report what came of it.

    All images of a location are on one side. The dataset is that of a configuration, or a folder with meta.csv, such as
    the published one. The report is also in splits/report.json, a figure in splits/classes.png.

    \b
    Examples:
      seasonet-build split configs/kit.toml --set split.seed=7
      seasonet-build split data/seasonet --set split.method=blocks
      seasonet-build split data/new --import data/seasonet
      seasonet-build split data/new --compare data/new/splits other/splits
    """
    if compare and adopted:
        raise click.UsageError("--compare and --import exclude each other")
    layout, options, config = _resolve(target, overrides)
    require_meta(layout.meta_csv)
    if compare:
        print_comparison(compare_splits(layout, compare, options), as_json)
        return ExitCode.OK
    with locked(layout.root if config is None else config.workspace):
        print_split(_carry_out(layout, options, config, adopted), as_json)
    return ExitCode.OK


def _resolve(target: Path, overrides: Sequence[str]) -> tuple[DatasetLayout, SplitSection, BuildConfig | None]:
    """Return dataset and options, and the configuration if the target is one."""
    if target.is_dir():
        return DatasetLayout(target.absolute()), load_split_options(overrides), None
    config = load_config(target, overrides).config
    layout = DatasetLayout(config.dataset_root)
    check_places(config)
    check_owner(layout, config.dataset.name)
    return layout, config.split, config


def _carry_out(
    layout: DatasetLayout, options: SplitSection, config: BuildConfig | None, adopted: Path | None
) -> dict[str, Any]:
    """Make the split, or take one over; return the report."""
    report: dict[str, Any]
    if config is not None and adopted is None:
        before = read_sides(layout)
        Build(config, workers=1).split()
        report = json.loads((layout.splits / REPORT).read_text(encoding="utf-8"))
        return {**report, **compare_sides(before, read_sides(layout))}
    refuse_unfinished(layout)
    if adopted is not None:
        report = adopt_split(layout, DatasetLayout(adopted), options)[1]
    else:
        report = split_dataset(layout, options)[1]
    renew_sums(layout)
    return report
