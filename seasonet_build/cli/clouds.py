"""``seasonet-build clouds``: telling cloud from snow in the snowy set."""

from seasonet_build.cli.lazy import LazyGroup

command = LazyGroup(
    "clouds",
    {name: f"clouds_{name}" for name in ("label", "train", "evaluate", "apply")},
    help="""Tell cloud from snow in the snowy set: label patches, train a classifier, see what it is worth, apply it.

    A build uses the physical screen unless snow.classifier names a model. The screen rests on what snow and cloud
    reflect, and has not been validated on labelled patches.

    \b
    Examples:
      seasonet-build clouds label configs/seasonet-2018.toml -o label.html
      seasonet-build clouds train label.parquet label.csv -o model.npz
      seasonet-build clouds evaluate model.npz other.parquet other.csv
      seasonet-build clouds apply model.npz data/seasonet
    """,
)
