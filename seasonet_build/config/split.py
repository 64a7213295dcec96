"""The configuration of splits."""

from typing import Literal

from pydantic import Field, model_validator

from seasonet_build.config.section import Section


class SplitSection(Section):
    """Training, validation and test sets."""

    method: Literal["official", "blocks"] = Field(
        "official",
        description="Locations dealt one by one, balanced as well as can be; or blocks of ground, without leakage.",
    )
    train: float = Field(0.7, ge=0, le=1, description="Share of the locations of each grid.")
    val: float = Field(0.1, ge=0, le=1, description="Share of the locations of each grid.")
    test: float = Field(0.2, ge=0, le=1, description="Share of the locations of each grid.")
    seed: int = Field(2018, ge=0, description="Seed of the random deal.")
    keep: bool = Field(
        True, description="Locations that have a side keep it, while the method and the values above stay the same."
    )
    block_m: float = Field(12_000, ge=1_200, description="Method blocks: side of a block, metres.")
    buffer: Literal[0, 1] = Field(
        0, description="Method blocks: set aside what overlaps another split (0), or also what touches it (1)."
    )
    balance: tuple[Literal["slraum", "rtyp3", "ktyp4", "levels"], ...] = Field(
        (), description="What else is balanced: region types, and classes at the levels medium and easy."
    )
    subsets: tuple[Literal["full-season", "season", "grid"], ...] = Field(
        (), description="Further files in splits/subsets: locations with all four seasons, each season set, each grid."
    )

    @model_validator(mode="after")
    def _sum_to_one(self) -> "SplitSection":
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train, val and test add up to {total:g}, not 1")
        return self
