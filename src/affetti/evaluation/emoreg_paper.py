"""Figures quoted from the CVAE-EmoReg paper: the only results in this package that it did not compute.

J. Grekow, "Regulacja przestrzeni ukrytej wariacyjnego autoenkodera względem emocji generowanych sekwencji
muzycznych", Przegląd Elektrotechniczny: Table 2 (placement accuracy) and Table 3 (pitch measures).
"""

from types import MappingProxyType

import numpy as np

from affetti.analysis.pitch import Reals

SOURCE = "Grekow, Przegląd Elektrotechniczny (CVAE-EmoReg)"

PLACEMENT = MappingProxyType({"CVAE-Base": (0.24, 0.20, 0.23, 0.25), "CVAE-EmoReg": (0.83, 0.84, 0.92, 0.92)})
"""Table 2: D_1..D_4 on the training data, as shares."""


def _table(*rows: tuple[float, float, float, float]) -> Reals:
    table = np.asarray(rows)
    table.setflags(write=False)
    return table


# Table 3: rows as in pitch_table.PITCH_MEASURES (range, pitches, C major, c minor), columns e1..e4.
BASE_MEAN = _table(
    (8.65, 7.85, 6.30, 6.00), (5.80, 5.85, 4.15, 4.05), (0.96, 0.71, 0.75, 0.99), (0.69, 0.91, 0.91, 0.72)
)
BASE_DEVIATION = _table(
    (2.22, 1.68, 2.15, 1.64), (1.03, 1.24, 0.65, 0.67), (0.10, 0.14, 0.18, 0.03), (0.12, 0.15, 0.17, 0.12)
)
EMOREG_MEAN = _table(
    (7.75, 8.90, 6.00, 7.60), (5.60, 5.55, 4.40, 4.35), (0.93, 0.73, 0.77, 0.98), (0.67, 0.90, 0.92, 0.73)
)
EMOREG_DEVIATION = _table(
    (2.14, 2.84, 1.97, 3.72), (1.16, 1.56, 1.07, 0.85), (0.14, 0.23, 0.15, 0.04), (0.14, 0.17, 0.12, 0.15)
)
TRAINING_MEAN = _table(
    (9.32, 9.01, 6.19, 7.44), (6.29, 6.28, 4.57, 4.84), (0.97, 0.72, 0.77, 0.98), (0.66, 0.91, 0.92, 0.65)
)
TRAINING_DEVIATION = _table(
    (2.93, 2.14, 1.68, 1.95), (1.36, 1.31, 0.85, 0.91), (0.10, 0.13, 0.13, 0.10), (0.12, 0.15, 0.15, 0.15)
)
