"""The configuration of how cloudy patches are kept out of the snowy set."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from seasonet_build.config.paths import resolve_path
from seasonet_build.config.section import Percent, Section

MODEL_SUFFIX = ".npz"
_WORDS = ("screen", "ukis", "none")


def _word_or_model(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and value in _WORDS:
        return value
    if not isinstance(value, str | Path) or not str(value).endswith(MODEL_SUFFIX):
        raise ValueError(f"write one of {', '.join(_WORDS)}, or the path of a model file ({MODEL_SUFFIX})")
    return resolve_path(value, info)


Classifier = Annotated[Literal["screen", "ukis", "none"] | Path, BeforeValidator(_word_or_model)]


class SnowSection(Section):
    """How cloudy patches are kept out of the snowy set."""

    classifier: Classifier = Field(
        "screen",
        description="What tells cloud from snow: screen (physical limits), the path of a model file (.npz, from "
        "'clouds train'), ukis (needs the extra of that name), or none.",
    )
    max_bright: Percent = Field(
        1.0,
        description="Screen: share of pixels bright in visible light and in B11 from which on a patch is cloudy, "
        "percent. Ukis: share of cloud.",
    )
    max_vapour: float = Field(
        1.25, gt=0, description="Screen: a patch whose 75th percentile of B09/B8A is higher is cloudy."
    )

    @property
    def model(self) -> Path | None:
        """Return the model file, if one is to be used."""
        return self.classifier if isinstance(self.classifier, Path) else None
