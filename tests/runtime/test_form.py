import pytest

from affetti.errors import InputError
from affetti.runtime.form import phrase_form


def test_forms() -> None:
    assert phrase_form(4) == (0,)
    assert phrase_form(8) == (0, 0)
    assert phrase_form(12) == (0, 1, 0)
    assert phrase_form(16) == (0, 0, 1, 0)
    assert phrase_form(20) == (0, 0, 1, 0, 0)
    assert phrase_form(32) == (0, 0, 1, 0, 0, 0, 2, 0)


def test_every_form_opens_and_closes_with_the_first_section() -> None:
    for bars in range(4, 129, 4):
        form = phrase_form(bars)
        assert len(form) == bars // 4
        assert form[0] == form[-1] == 0


@pytest.mark.parametrize("bars", [0, -4, 3, 6, 1028])
def test_lengths_that_are_no_phrases(bars: int) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        phrase_form(bars)
