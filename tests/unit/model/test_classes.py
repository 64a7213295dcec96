"""The 33 classes and the codes of label rasters."""

import pytest

from seasonet_build.model.classes import CLASSES, CLC_CODES, N_CODES, NO_CLASS, OTHER_CLASS, raster_code


def test_labels_are_positions_in_ascending_code():
    assert [c.label for c in CLASSES] == list(range(1, 34))
    assert [c.code for c in CLASSES] == sorted({c.code for c in CLASSES})
    assert len({c.rgb for c in CLASSES}) == len({c.name for c in CLASSES}) == 33


def test_every_corine_code_has_a_raster_code():
    codes = {code: raster_code(code) for code in CLC_CODES}
    assert len(codes) == 44
    assert sorted(value for value in codes.values() if value != OTHER_CLASS) == list(range(1, 34))
    assert {code for code, value in codes.items() if value == OTHER_CLASS} >= {"242", "243", "334", "335"}
    assert NO_CLASS not in codes.values()
    assert max(codes.values()) == N_CODES - 1


@pytest.mark.parametrize("text", ["", "999", "11", "1111", " 112", "112.0", "None", "0"])
def test_other_texts_are_no_codes(text):
    with pytest.raises(KeyError):
        raster_code(text)
