"""The 33 land-cover classes of SeasoNet and the CORINE codes that a land-cover map may carry.

Source of codes, English names and colours: CORINE Land Cover nomenclature (Copernicus Land Monitoring Service);
of the choice and order of classes, and of the spelling of names: the SeasoNet paper and its published readers.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LandCoverClass:
    """One class: label 1..33, CORINE level-3 code, English name, official colour (red, green, blue; 0..255)."""

    label: int
    code: str
    name: str
    rgb: tuple[int, int, int]


_CLASSES = (
    ("111", "Continuous urban fabric", (230, 0, 77)),
    ("112", "Discontinuous urban fabric", (255, 0, 0)),
    ("121", "Industrial or commercial units", (204, 77, 242)),
    ("122", "Road and rail networks and associated land", (204, 0, 0)),
    ("123", "Port areas", (230, 204, 204)),
    ("124", "Airports", (230, 204, 230)),
    ("131", "Mineral extraction sites", (166, 0, 204)),
    ("132", "Dump sites", (166, 77, 0)),
    ("133", "Construction sites", (255, 77, 255)),
    ("141", "Green urban areas", (255, 166, 255)),
    ("142", "Sport and leisure facilities", (255, 230, 255)),
    ("211", "Non-irrigated arable land", (255, 255, 168)),
    ("221", "Vineyards", (230, 128, 0)),
    ("222", "Fruit trees and berry plantations", (242, 166, 77)),
    ("231", "Pastures", (230, 230, 77)),
    ("311", "Broad-leaved forest", (128, 255, 0)),
    ("312", "Coniferous forest", (0, 166, 0)),
    ("313", "Mixed forest", (77, 255, 0)),
    ("321", "Natural grasslands", (204, 242, 77)),
    ("322", "Moors and heathland", (166, 255, 128)),
    ("324", "Transitional woodland/shrub", (166, 242, 0)),
    ("331", "Beaches, dunes, sands", (230, 230, 230)),
    ("332", "Bare rock", (204, 204, 204)),
    ("333", "Sparsely vegetated areas", (204, 255, 204)),
    ("411", "Inland marshes", (166, 166, 255)),
    ("412", "Peat bogs", (77, 77, 255)),
    ("421", "Salt marshes", (204, 204, 255)),
    ("423", "Intertidal flats", (166, 166, 230)),
    ("511", "Water courses", (0, 204, 242)),
    ("512", "Water bodies", (128, 242, 230)),
    ("521", "Coastal lagoons", (0, 255, 166)),
    ("522", "Estuaries", (166, 255, 230)),
    ("523", "Sea and ocean", (230, 242, 255)),
)

CLASSES: tuple[LandCoverClass, ...] = tuple(
    LandCoverClass(label, code, name, rgb) for label, (code, name, rgb) in enumerate(_CLASSES, start=1)
)

N_CLASSES = len(CLASSES)

NO_CLASS = 0
"""Label of a pixel without a class: outside the map, or of a class that SeasoNet leaves out."""

OTHER_CLASS = N_CLASSES + 1
"""Code used inside label rasters for "the map has a class here, but not one of the 33"; written out as NO_CLASS."""

N_CODES = N_CLASSES + 2
"""How many codes a label raster can hold: 0 (not covered), 1..33 and OTHER_CLASS."""

LABEL_BY_CODE: dict[str, int] = {c.code: c.label for c in CLASSES}

CLC_CODES: frozenset[str] = frozenset(LABEL_BY_CODE) | frozenset(
    ("212", "213", "223", "241", "242", "243", "244", "323", "334", "335", "422")
)
"""All 44 level-3 codes of CORINE Land Cover."""


def raster_code(clc_code: str) -> int:
    """Return the label-raster code (1..33 or OTHER_CLASS) of a CORINE level-3 code such as ``"112"``.

    Raises:
        KeyError: the text is not one of the 44 level-3 codes.
    """
    if clc_code not in CLC_CODES:
        raise KeyError(clc_code)
    return LABEL_BY_CODE.get(clc_code, OTHER_CLASS)
