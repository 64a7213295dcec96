"""What the ground's materials reflect in each of the 12 bands, and how that changes through the year.

A material is a mixture of a few pure surfaces (leaves, straw, soil, roofs, ...) whose shares follow the calendar.
The numbers are rounded, typical surface reflectances x 10000; they are made up for the demo, not measured.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")

# Pure surfaces: reflectance x 10000 in the order of BANDS.
SURFACES: dict[str, tuple[int, ...]] = {
    "grass": (260, 330, 680, 400, 1050, 2900, 3600, 3800, 4000, 4000, 2100, 1050),
    "crop": (220, 270, 560, 290, 850, 3000, 4000, 4200, 4400, 4400, 1900, 850),
    "blossom": (320, 420, 1350, 1150, 1600, 3300, 3900, 4100, 4300, 4300, 2100, 1050),
    "straw": (650, 880, 1330, 1750, 2100, 2400, 2600, 2750, 2900, 2900, 3500, 2600),
    "soil": (560, 720, 980, 1280, 1560, 1750, 1880, 2000, 2150, 2200, 2800, 2350),
    "leaf": (190, 220, 430, 240, 760, 2400, 3100, 3200, 3400, 3400, 1600, 700),
    "autumn_leaf": (260, 330, 650, 780, 1200, 1900, 2250, 2400, 2550, 2550, 1800, 950),
    "twigs": (320, 400, 540, 640, 850, 1150, 1300, 1420, 1550, 1600, 1900, 1300),
    "needles": (150, 175, 290, 195, 460, 1200, 1450, 1550, 1650, 1650, 760, 360),
    "reed": (350, 450, 720, 800, 1150, 1700, 2000, 2150, 2300, 2300, 1900, 1150),
    "river": (480, 520, 620, 480, 420, 360, 340, 320, 300, 300, 220, 180),
    "lake": (430, 440, 420, 280, 250, 230, 220, 210, 200, 200, 180, 160),
    "tiles": (700, 850, 1080, 1480, 1650, 1750, 1850, 1950, 2050, 2100, 2400, 2150),
    "asphalt": (780, 880, 980, 1050, 1120, 1180, 1220, 1280, 1320, 1350, 1500, 1400),
    "metal": (2300, 2600, 2750, 2850, 2900, 2950, 3000, 3050, 3100, 3100, 3000, 2700),
    "gravel": (1700, 2050, 2500, 2850, 3050, 3150, 3200, 3300, 3400, 3400, 3900, 3500),
    "char": (300, 330, 390, 450, 520, 620, 720, 820, 920, 950, 1600, 1500),
}
SNOW = np.array([5600, 5800, 5800, 5700, 5600, 5500, 5400, 5300, 5100, 4900, 900, 700], dtype=np.float32)
CLOUD = np.array([6700, 6500, 6400, 6500, 6600, 6700, 6800, 6900, 6900, 6600, 4500, 3400], dtype=np.float32)


class Material(IntEnum):
    """What a 10 m pixel is made of; the value is the row in `reflectance`'s table."""

    CEREAL = 0
    RAPESEED = 1
    MAIZE = 2
    BARLEY = 3
    CLOVER = 4
    MEADOW = 5
    BROADLEAVED = 6
    CONIFEROUS = 7
    MIXED = 8
    SCRUB = 9
    MARSH = 10
    RIVER = 11
    LAKE = 12
    HOUSES = 13
    GARDENS = 14
    STREET = 15
    HALLS = 16
    QUARRY = 17
    TURF = 18
    BURNT = 19
    TRACK = 20


# Days of the year that the shares below are for: 20 January, 20 April, 6 June, 28 July, 15 October, 20 November.
KEY_DAYS = (20, 110, 157, 209, 288, 324)
_ALWAYS = (1.0,) * len(KEY_DAYS)

# Shares of the pure surfaces on the key days.
MIXTURES: dict[Material, dict[str, tuple[float, ...]]] = {
    Material.CEREAL: {
        "crop": (0.40, 0.85, 0.65, 0.05, 0.20, 0.40),
        "straw": (0.00, 0.00, 0.30, 0.70, 0.10, 0.00),
        "soil": (0.60, 0.15, 0.05, 0.25, 0.70, 0.60),
    },
    Material.RAPESEED: {
        "crop": (0.55, 0.30, 0.85, 0.00, 0.65, 0.60),
        "blossom": (0.00, 0.60, 0.05, 0.00, 0.00, 0.00),
        "straw": (0.00, 0.00, 0.05, 0.55, 0.00, 0.00),
        "soil": (0.45, 0.10, 0.05, 0.45, 0.35, 0.40),
    },
    Material.MAIZE: {
        "crop": (0.00, 0.00, 0.35, 0.95, 0.10, 0.00),
        "straw": (0.20, 0.15, 0.00, 0.00, 0.40, 0.30),
        "soil": (0.80, 0.85, 0.65, 0.05, 0.50, 0.70),
    },
    Material.BARLEY: {
        "crop": (0.30, 0.40, 0.75, 0.00, 0.50, 0.45),
        "straw": (0.10, 0.00, 0.20, 0.90, 0.00, 0.05),
        "soil": (0.60, 0.60, 0.05, 0.10, 0.50, 0.50),
    },
    Material.CLOVER: {
        "grass": (0.55, 0.90, 0.85, 0.80, 0.80, 0.65),
        "straw": (0.30, 0.05, 0.15, 0.20, 0.15, 0.25),
        "soil": (0.15, 0.05, 0.00, 0.00, 0.05, 0.10),
    },
    Material.MEADOW: {
        "grass": (0.60, 0.92, 0.80, 0.72, 0.80, 0.70),
        "straw": (0.40, 0.08, 0.20, 0.28, 0.20, 0.30),
    },
    Material.BROADLEAVED: {
        "leaf": (0.00, 0.35, 1.00, 1.00, 0.25, 0.00),
        "autumn_leaf": (0.00, 0.00, 0.00, 0.00, 0.65, 0.20),
        "twigs": (1.00, 0.65, 0.00, 0.00, 0.10, 0.80),
    },
    Material.CONIFEROUS: {"needles": _ALWAYS},
    Material.MIXED: {
        "needles": (0.50,) * len(KEY_DAYS),
        "leaf": (0.00, 0.20, 0.50, 0.50, 0.15, 0.00),
        "autumn_leaf": (0.00, 0.00, 0.00, 0.00, 0.30, 0.10),
        "twigs": (0.50, 0.30, 0.00, 0.00, 0.05, 0.40),
    },
    Material.SCRUB: {
        "leaf": (0.05, 0.35, 0.65, 0.60, 0.25, 0.05),
        "grass": (0.30, 0.35, 0.30, 0.25, 0.35, 0.35),
        "twigs": (0.65, 0.30, 0.05, 0.15, 0.40, 0.60),
    },
    Material.MARSH: {
        "reed": (0.75, 0.60, 0.35, 0.40, 0.60, 0.70),
        "grass": (0.05, 0.20, 0.45, 0.40, 0.20, 0.10),
        "lake": (0.20, 0.20, 0.20, 0.20, 0.20, 0.20),
    },
    Material.RIVER: {"river": _ALWAYS},
    Material.LAKE: {"lake": _ALWAYS},
    Material.HOUSES: {
        "tiles": (0.55,) * len(KEY_DAYS),
        "asphalt": (0.25,) * len(KEY_DAYS),
        "grass": (0.12, 0.20, 0.20, 0.18, 0.18, 0.14),
        "twigs": (0.08, 0.00, 0.00, 0.02, 0.02, 0.06),
    },
    Material.GARDENS: {
        "tiles": (0.18,) * len(KEY_DAYS),
        "asphalt": (0.12,) * len(KEY_DAYS),
        "grass": (0.35, 0.45, 0.40, 0.35, 0.40, 0.38),
        "leaf": (0.00, 0.15, 0.30, 0.30, 0.10, 0.00),
        "twigs": (0.35, 0.10, 0.00, 0.05, 0.20, 0.32),
    },
    Material.STREET: {"asphalt": (0.85,) * len(KEY_DAYS), "grass": (0.15,) * len(KEY_DAYS)},
    Material.HALLS: {"metal": (0.65,) * len(KEY_DAYS), "asphalt": (0.35,) * len(KEY_DAYS)},
    Material.QUARRY: {"gravel": (0.85,) * len(KEY_DAYS), "soil": (0.15,) * len(KEY_DAYS)},
    Material.TURF: {
        "grass": (0.70, 0.95, 0.95, 0.90, 0.92, 0.80),
        "straw": (0.30, 0.05, 0.05, 0.10, 0.08, 0.20),
    },
    Material.BURNT: {"char": (0.90, 0.85, 0.80, 0.80, 0.85, 0.90), "twigs": (0.10, 0.15, 0.20, 0.20, 0.15, 0.10)},
    Material.TRACK: {
        "grass": (0.35, 0.60, 0.60, 0.50, 0.50, 0.40),
        "soil": (0.35, 0.25, 0.25, 0.25, 0.25, 0.30),
        "straw": (0.30, 0.15, 0.15, 0.25, 0.25, 0.30),
    },
}


def reflectance(day: date) -> NDArray[np.float32]:
    """Return what every material reflects on `day`: (materials, 12 bands), reflectance x 10000."""
    table = np.zeros((len(Material), len(BANDS)))
    for material, shares in MIXTURES.items():
        for surface, through_year in shares.items():
            share = np.interp(day.timetuple().tm_yday, KEY_DAYS, through_year, period=365)
            table[material] += share * np.array(SURFACES[surface])
    return table.astype(np.float32)
