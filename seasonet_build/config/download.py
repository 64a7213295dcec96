"""The configuration of downloads."""

from typing import Literal

from pydantic import Field, model_validator

from seasonet_build.config.paths import ConfigPath
from seasonet_build.config.section import Percent, Section

_ONLY = {
    "protocol": ("cdse",),
    "endpoint": ("cdse",),
    "region": ("cdse",),
    "profile": ("cdse",),
    "token_url": ("cdse",),
    "scl_first": ("cdse", "earth-search"),
    "min_cells": ("cdse", "earth-search"),
    "url": ("cdse", "earth-search", "dhus"),
    **dict.fromkeys(("quota_gb", "bandwidth_mb_s", "connections"), ("cdse", "earth-search", "dhus")),
    **dict.fromkeys(("folder", "timeout_s", "deadline_s", "attempts"), ("cdse", "earth-search", "dhus")),
    # Of a product in a folder nobody knows how much snow it shows.
    **dict.fromkeys(("snow_margin", "min_snow"), ("cdse", "earth-search", "dhus")),
}
"""Options that not every provider can apply, and the providers that can."""

_ONLY_S3 = ("endpoint", "region", "profile")
_BASELINE = r"^\d\d\.\d\d$"


class DownloadSection(Section):
    """Where products come from and how many are taken. An option that the provider cannot apply is refused."""

    provider: Literal["cdse", "earth-search", "dhus", "folder"] = Field(
        "cdse",
        description="Copernicus Data Space, Earth Search (COGs, no account), a DHuS server, or what is there already.",
    )
    url: str | None = Field(None, description="Address of the catalogue; unset: the provider's own. DHuS has none.")
    folder: ConfigPath | None = Field(
        None, description="Where products are put; unset: the first of products.folders. It must be one of them."
    )
    protocol: Literal["s3", "https"] = Field("s3", description="How files of the Copernicus Data Space are fetched.")
    endpoint: str | None = Field(None, description="Address of the S3 server; unset: the provider's own.")
    region: str = Field("default", description="Region that S3 requests are signed for.")
    profile: str | None = Field(None, description="Profile of the AWS configuration with the S3 keys.")
    token_url: str | None = Field(None, description="Where tokens for HTTPS come from; unset: the provider's own.")
    cloud_margin: Percent = Field(
        35.0, description="A scene may have so much more cloud than a patch of its season set, percentage points."
    )
    snow_margin: Percent = Field(
        35.0, description="A scene may have so much more snow than a patch of its season set, percentage points."
    )
    min_snow: Percent = Field(5.0, description="A scene for the snowy set must have so much snow, percent.")
    cover: int = Field(1, ge=1, description="How many times the scenes of a season set shall cover each tile.")
    max_scenes: int = Field(12, ge=1, description="At most so many scenes for a tile and season set.")
    min_baseline: str = Field("00.00", pattern=_BASELINE, description="Lowest processing baseline that is taken.")
    max_baseline: str = Field("99.98", pattern=_BASELINE, description="Highest processing baseline that is taken.")
    scl_first: bool = Field(
        True, description="Fetch the scene classification first, other bands only of scenes that patches are cut from."
    )
    min_cells: int = Field(1, ge=1, description="With scl_first: patches a scene must be chosen for to be fetched.")
    connections: int = Field(4, ge=1, le=64, description="Connections to the provider at a time, over all processes.")
    bandwidth_mb_s: float | None = Field(None, gt=0, description="At most so many megabytes a second.")
    quota_gb: float | None = Field(None, gt=0, description="At most so many gigabytes in 30 days, over all processes.")
    timeout_s: float = Field(60.0, gt=0, description="A connection may stay silent so long, seconds.")
    deadline_s: float = Field(1800.0, gt=0, description="A file may take so long, or its size at 50 kB/s, seconds.")
    attempts: int = Field(8, ge=1, description="So many failures in a row, without a byte in between, fail a file.")

    @model_validator(mode="after")
    def _options_fit_the_provider(self) -> "DownloadSection":
        for option in sorted(self.model_fields_set):
            if self.provider not in _ONLY.get(option, (self.provider,)):
                raise ValueError(f"{option} has no effect with provider = {self.provider!r}: take it out")
            if option in _ONLY_S3 and self.protocol != "s3":
                raise ValueError(f"{option} has no effect with protocol = {self.protocol!r}: take it out")
        if "token_url" in self.model_fields_set and self.protocol != "https":
            raise ValueError(f"token_url has no effect with protocol = {self.protocol!r}: take it out")
        if self.min_cells > 1 and not self.scl_first:
            raise ValueError("min_cells has no effect without scl_first: take it out")
        if self.provider == "dhus" and self.url is None:
            raise ValueError("url is missing: a DHuS server has no usual address")
        return self
