"""``seasonet-build classes``: the 33 land-cover classes."""

import json

import click

from seasonet_build.cli.options import json_option, show_table, verbosity_options
from seasonet_build.model.classes import CLASSES


@click.command("classes")
@json_option
@verbosity_options
def command(as_json: bool) -> None:
    """Print the 33 classes: label in the dataset, CORINE code, colour, name.

    Label 0 in a label file means no class; readers that count from 0 subtract 1.
    """
    if as_json:
        rows = [{"label": c.label, "code": c.code, "rgb": list(c.rgb), "name": c.name} for c in CLASSES]
        click.echo(json.dumps({"classes": rows}, indent=2))
        return
    table = [(c.label, c.code, "#{:02x}{:02x}{:02x}".format(*c.rgb), c.name) for c in CLASSES]
    show_table(("label", "code", "colour", "name"), table)
