"""Which classifier keeps cloudy patches out of the snowy set of a build, and what it has found."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from seasonet_build.clouds.model_file import load_model
from seasonet_build.clouds.ukis import require_network
from seasonet_build.clouds.verdict import Judge
from seasonet_build.config import BuildConfig
from seasonet_build.engine.manifests import ManifestStore
from seasonet_build.model.layout import WorkspaceLayout
from seasonet_build.model.tables import CLOUD_SIGNS
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.select import in_window
from seasonet_build.storage import file_digest, read_table

STAGE = "screen"


class Screening:
    """The classifier of a configuration."""

    def __init__(self, config: BuildConfig, store: ManifestStore) -> None:
        """Load the model, if one is to be used.

        Raises:
            DataError: it cannot be used.
        """
        self._config, self._store = config, store
        model = None if config.snow.model is None else load_model(config.snow.model)
        self.judge = Judge(config.snow, None if model is None else model.threshold)

    def require_packages(self) -> None:
        """Check that what the classifier needs is installed.

        Raises:
            ConfigError: it is not.
        """
        if self._config.snow.classifier == "ukis":
            require_network()

    @cached_property
    def made_by(self) -> str:
        """Return a text for what the signs are found with; the screen's limits do not belong to it."""
        snow = self._config.snow
        if snow.model is not None:
            return f"model {file_digest(snow.model)}"
        return f"ukis {_version('ukis-csmask')}" if snow.classifier == "ukis" else "screen"

    def scenes(self, scenes: Sequence[Scene]) -> list[Scene]:
        """Return the scenes that candidates of the snowy set are looked for in."""
        if self._config.snow.classifier == "none":
            return []
        return [scene for scene in scenes if in_window(scene.start, self._config.seasons.snow)]

    def known(self, scenes: Sequence[Scene]) -> dict[str, Path]:
        """Return the signs that an earlier run found, by scene id, whatever has changed since."""
        workspace, found = WorkspaceLayout(self._config.workspace), {}
        for scene in self.scenes(scenes):
            manifest = self._store.read_standing(STAGE, scene.id)
            if manifest is not None and manifest.result.get("made_by") == self.made_by:
                found[scene.id] = workspace.cloud_signs(scene.id)
        return found


def read_candidates(signs: Mapping[str, Path]) -> pd.DataFrame:
    """Return the snowy candidates of all scenes: the columns of CLOUD_SIGNS, and ``scene``, in the order of scenes.

    Args:
        signs: the table of each scene, by its id.
    """
    tables = [read_table(signs[scene], CLOUD_SIGNS).to_pandas().assign(scene=scene) for scene in sorted(signs)]
    found = [table for table in tables if len(table)]
    if not found:
        found = [CLOUD_SIGNS.empty_table().to_pandas().assign(scene="")]
    candidates: pd.DataFrame = pd.concat(found, ignore_index=True)
    return candidates


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
