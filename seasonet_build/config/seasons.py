"""The configuration of the season sets: windows of days, and limits of cloud and snow."""

from datetime import date
from typing import Any

from pydantic import Field, model_validator

from seasonet_build.config.section import Percent, Section
from seasonet_build.model.seasons import Season

PAPER_SEASONS: dict[str, dict[str, Any]] = {
    "spring": {"start": date(2018, 4, 1), "end": date(2018, 5, 31), "max_cloud": 5.0, "max_snow": 1.0},
    "summer": {"start": date(2018, 7, 1), "end": date(2018, 8, 31), "max_cloud": 5.0, "max_snow": 1.0},
    "fall": {"start": date(2018, 10, 1), "end": date(2018, 11, 30), "max_cloud": 5.0, "max_snow": 1.0},
    "winter": {"start": date(2019, 1, 1), "end": date(2019, 2, 28), "max_cloud": 10.0, "max_snow": 10.0},
    "snow": {"start": date(2018, 4, 1), "end": date(2019, 2, 28)},
}
"""Windows and limits of the paper's dataset: meteorological seasons with a gap of one month between them."""


class SeasonWindow(Section):
    """Dates and limits of a season set. A patch's share of cloud or snow must be below a maximum."""

    start: date = Field(description="First day (UTC).")
    end: date = Field(description="Last day (UTC).")
    max_cloud: Percent = Field(description="A patch must have less cloud than this, percent.")
    max_snow: Percent = Field(description="A patch must have less snow than this, percent.")

    @model_validator(mode="after")
    def _in_order(self) -> "SeasonWindow":
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        return self


class SnowWindow(Section):
    """Dates and limits of the snowy set."""

    start: date = Field(description="First day (UTC).")
    end: date = Field(description="Last day (UTC).")
    min_snow: Percent = Field(10.0, description="A patch must have at least so much snow, percent.")
    max_cloud: Percent | None = Field(None, description="A patch must have less cloud than this; unset: no maximum.")

    @model_validator(mode="after")
    def _in_order(self) -> "SnowWindow":
        if self.end < self.start:
            raise ValueError(f"end {self.end} is before start {self.start}")
        return self


class SeasonsSection(Section):
    """The five season sets; what a set does not state is as in the paper."""

    spring: SeasonWindow
    summer: SeasonWindow
    fall: SeasonWindow
    winter: SeasonWindow
    snow: SnowWindow

    @model_validator(mode="before")
    @classmethod
    def _fill_from_paper(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        filled = {
            season: {**values, **given[season]} if isinstance(given.get(season), dict) else given.get(season, values)
            for season, values in PAPER_SEASONS.items()
        }
        return {**given, **filled}

    @model_validator(mode="after")
    def _do_not_overlap(self) -> "SeasonsSection":
        windows = [(name, self.window(Season(name))) for name in ("spring", "summer", "fall", "winter")]
        for i, (name, window) in enumerate(windows):
            for other_name, other in windows[i + 1 :]:
                if window.start <= other.end and other.start <= window.end:
                    raise ValueError(f"windows of {name} and {other_name} overlap")
        return self

    def window(self, season: Season) -> SeasonWindow | SnowWindow:
        """Return dates and limits of a season set."""
        found: SeasonWindow | SnowWindow = getattr(self, season.value)
        return found
