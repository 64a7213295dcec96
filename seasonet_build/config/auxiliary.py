"""The configuration of auxiliary data: where BKG's land cover and region types come from."""

from pydantic import Field

from seasonet_build.config.section import Section

_SHA256 = r"^[0-9a-f]{64}$"


class AuxiliarySection(Section):
    """Open data of BKG that 'seasonet-build download --auxiliary' fetches."""

    clc5_url: str = Field(
        "https://daten.gdz.bkg.bund.de/produkte/dlm/clc5_2018/aktuell/clc5_2018.utm32s.shape.zip",
        pattern="^https?://",
        description="CORINE Land Cover 5 ha; put where labels.source says.",
    )
    clc5_sha256: str | None = Field(
        "98a6f2329e62b066e270ef019b7e29f6a0d6b693aca270e74e5f26e0aea71ac0",
        pattern=_SHA256,
        description="Its SHA-256 (edition of March 2022).",
    )
    ge250_url: str = Field(
        "https://daten.gdz.bkg.bund.de/produkte/sonstige/ge250/aktuell/ge250.utm32s.shape.zip",
        pattern="^https?://",
        description="Region types; put where regions.source says (kind = 'layers'), else beside labels.source.",
    )
    ge250_sha256: str | None = Field(
        None, pattern=_SHA256, description="Its SHA-256; unset: that of the first download, kept in sources.lock."
    )
