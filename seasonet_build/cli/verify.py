"""``seasonet-build verify``: is a dataset whole, and what it was when it was built?"""

import json
from pathlib import Path

import click

from seasonet_build.cli.options import json_option, progress_bar, verbosity_options, workers_option
from seasonet_build.errors import ExitCode
from seasonet_build.verify.findings import Kind, Mode, Report

_FOLDER = click.Path(path_type=Path)


@click.command("verify")
@click.argument("dataset", metavar="DATASET", type=_FOLDER)
@click.option("--quick", is_flag=True, help="Look at sizes of files of patches, not at what is in them.")
@click.option("--pixels", is_flag=True, help="Hold decoded pixels, not bytes, against the record.")
@click.option("--against", metavar="OTHER", type=_FOLDER, help="Compare with the dataset in OTHER instead.")
@workers_option
@json_option
@verbosity_options
def command(dataset: Path, quick: bool, pixels: bool, against: Path | None, workers: int, as_json: bool) -> int:
    """Check a dataset: structure, tables, splits, and each file against its check sum and for its values.

    Names every file that is missing, extra or altered, and whatever says what cannot be true. Nothing is changed:
    delete the named files and run the build again, which writes what is missing. Exit code 3: something is wrong.

    \b
    Examples:
      seasonet-build verify data/seasonet
      seasonet-build verify data/seasonet --quick --json
      seasonet-build verify data/seasonet --against data/copy --pixels
    """
    if quick and pixels:
        raise click.UsageError("--quick and --pixels exclude each other")
    mode = Mode.QUICK if quick else Mode.PIXELS if pixels else Mode.BYTES
    if against is not None:
        return _compare(dataset, against, mode, workers, as_json)
    from seasonet_build.verify.check import verify_dataset

    report = verify_dataset(dataset, mode, workers, progress_bar)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _print_report(report)
    return ExitCode.OK if report.ok else ExitCode.PARTLY


def _compare(dataset: Path, other: Path, mode: Mode, workers: int, as_json: bool) -> int:
    from seasonet_build.verify.compare import compare_datasets

    comparison = compare_datasets(dataset, other, mode, workers, progress_bar)
    if as_json:
        click.echo(json.dumps(comparison.as_json(), indent=2))
        return ExitCode.OK if comparison.same else ExitCode.PARTLY
    click.echo(f"{comparison.patches} patches, {comparison.files} files compared, by {comparison.mode.value}")
    for label, lines in (
        ("only here", comparison.only_here),
        ("only there", comparison.only_there),
        ("different", [f"{path}: {reason}" for path, reason in comparison.different]),
    ):
        for line in lines:
            click.echo(f"{label:<10}  {line}")
    counts = (len(comparison.only_here), len(comparison.only_there), len(comparison.different))
    said = "{} only here, {} only there, {} different".format(*counts)
    click.echo("no difference" if comparison.same else said)
    return ExitCode.OK if comparison.same else ExitCode.PARTLY


def _print_report(report: Report) -> None:
    looked_at = f", {report.checked_bytes} bytes" if report.mode is not Mode.QUICK else ""
    click.echo(f"{report.patches} patches, {report.files} files{looked_at}, checked by {_WORDS[report.mode]}")
    for note in report.notes:
        click.echo(f"note: {note}")
    for problem in report.problems:
        click.echo(f"{problem.kind.value:<7}  {problem.path}" + (f": {problem.reason}" if problem.reason else ""))
    counts = ((kind.value, sum(p.kind == kind for p in report.problems)) for kind in Kind)
    said = ", ".join(f"{n} {kind}" for kind, n in counts if n)
    click.echo("no problem found" if report.ok else f"problems: {said}")


_WORDS = {Mode.QUICK: "size", Mode.BYTES: "bytes and values", Mode.PIXELS: "pixels and values"}
