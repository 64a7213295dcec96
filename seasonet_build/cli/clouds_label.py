"""``seasonet-build clouds label``: a page on which snowy patches are labelled by hand."""

import json
from pathlib import Path

import click

from seasonet_build.cli.options import (
    config_argument,
    json_option,
    progress_bar,
    require_suffix,
    set_option,
    show_table,
    verbosity_options,
    workers_option,
)

_FILE = click.Path(path_type=Path)
_COUNT = click.IntRange(min=0, max=10_000)


@click.command("label")
@config_argument
@click.option("-o", "--output", required=True, metavar="PAGE.html", type=_FILE, help="Page to write.")
@click.option("--near", type=_COUNT, default=150, show_default=True, help="Patches near the screen's threshold.")
@click.option("--uniform", type=_COUNT, default=350, show_default=True, help="Patches drawn uniformly from all.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the random choice.")
@set_option
@workers_option
@json_option
@verbosity_options
def command(
    config_file: Path,
    output: Path,
    near: int,
    uniform: int,
    seed: int,
    overrides: tuple[str, ...],
    workers: int,
    as_json: bool,
) -> int:
    """Make a page on which snowy patches of the build CONFIG are labelled as cloudy or clear.

    The stages of the build up to the choice of scenes are carried out first. PAGE.html is opened in any browser; it
    needs no network, keeps the labels in the browser, and gives them as a CSV file. PAGE.parquet beside it holds what
    'clouds train' has to know of the patches: keep both. Only patches that were drawn uniformly tell how many cloudy
    ones a model finds; those near the threshold are for training.

    \b
    Examples:
      seasonet-build clouds label configs/seasonet-2018.toml -o label.html
      seasonet-build clouds label configs/seasonet-2018.toml -o label.html --near 0 --uniform 3000 --seed 7
    """
    from seasonet_build.clouds.candidates import draw, with_scores
    from seasonet_build.clouds.page import write_page
    from seasonet_build.config import load_config
    from seasonet_build.engine.choice import Chooser
    from seasonet_build.engine.lock import locked
    from seasonet_build.engine.places import check_places
    from seasonet_build.engine.screening import read_candidates
    from seasonet_build.engine.steps import Steps

    require_suffix(output, ".html", "-o")
    if near + uniform == 0:
        raise click.UsageError("--near and --uniform are both 0: there would be nothing to label")
    config = load_config(config_file, overrides).config
    if config.snow.classifier == "none":  # which looks for no candidates
        config = config.model_copy(update={"snow": config.snow.model_copy(update={"classifier": "screen"})})
    check_places(config)
    with locked(config.workspace):
        steps = Steps(config, workers, progress_bar)
        choice = Chooser(steps).choose()
        candidates = read_candidates(choice.signs)
    drawn = draw(with_scores(candidates, config.snow), near, uniform, seed)
    table = write_page(drawn, choice.scenes, output, config.dataset.name, workers, progress_bar)
    counts = drawn["part"].value_counts()
    report = {
        "page": str(output),
        "table": str(table),
        "candidates": len(candidates),
        "scenes": int(drawn["scene"].nunique()),
        **{part: int(counts.get(part, 0)) for part in ("near", "uniform")},
    }
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo(f"{output}: {len(drawn)} of {len(candidates)} snowy patches to label")
        click.echo(f"{table}: what is known of them")
        show_table(("near the threshold", "uniform", "scenes"), [(report["near"], report["uniform"], report["scenes"])])
    return steps.report.exit_code
