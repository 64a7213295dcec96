"""The five season sets."""

from enum import StrEnum


class Season(StrEnum):
    """A season set; the value is the name of its folder."""

    SPRING = "spring"
    SUMMER = "summer"
    FALL = "fall"
    WINTER = "winter"
    SNOW = "snow"

    @property
    def label(self) -> str:
        """Return the name as ``meta.csv`` writes it, such as ``Spring``."""
        return self.value.capitalize()


SEASONS: tuple[Season, ...] = tuple(Season)
"""The sets in the order in which the dataset lists them."""
