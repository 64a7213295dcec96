"""Prints what clouds.ukis says of patches of products, a list of shares for each: run with the extra ``ukis``."""

import json
import sys
from pathlib import Path

import numpy as np

from seasonet_build.clouds.ukis import cloud_shares
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene


def main(requests: str) -> None:
    """Take a list of products, each with west and north edges of patches counted in metres from the tile's corner."""
    answers = []
    for product, east, south in json.loads(requests):
        scene = Scene(products=(inspect_product(Path(product)),))
        x, y = scene.tile.ulx + np.array(east, dtype=np.int64), scene.tile.uly - np.array(south, dtype=np.int64)
        answers.append(cloud_shares(scene, x, y).tolist())
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
