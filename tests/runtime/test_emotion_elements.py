from affetti.runtime.emotion_elements import AUTO_ELEMENTS, AXES
from affetti.tokens.elements import ELEMENTS


def test_elements_are_of_the_table_and_of_one_axis() -> None:
    named = [name for axis in AXES for name in AUTO_ELEMENTS[axis]]
    assert set(named) <= {element.name for element in ELEMENTS}
    assert len(set(named)) == len(named)
    assert all(AUTO_ELEMENTS[axis] for axis in AXES)
