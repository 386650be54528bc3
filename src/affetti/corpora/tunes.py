"""Which melodies of a corpus are the same tune, and folds that never split a tune.

The chorales harmonise a stock of hymn tunes many times over, in several keys: of the 344 melodies of
musgenvae a quarter have exactly the pitches of another one. Nearly all low-arousal ones are written at half
speed (see corpora.chorales), so that four bars hold half as much of a tune that may also be there at full
speed. A model that has seen one of them has seen the other.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.edit_distance import normalized_pitch_distances, opening_distances, pitch_sequences

NEAR_IDENTICAL = 0.25
"""Edits per note up to which two whole melodies count as near-identical, as in the novelty figures."""

SAME_OPENING = 1 / 8
"""Edits per note up to which a melody in any key is the opening of another. One edit in eight notes (a
passing note, another cadence) is the same hymn tune sung differently; at 1/6 unrelated tunes chain into a
group of 86 of the 344."""

SHORTEST_OPENING = 5
"""Notes. Fewer match by chance: every single note, in some key, opens every melody."""


def tune_groups(tokens: NDArray[np.int16]) -> NDArray[np.int32]:
    """The tune of each melody of `tokens` [N, T]: numbers from 0 in order of first occurrence, int [N].

    Two melodies are linked when their pitches are near-identical, or when one, in any key and at any speed,
    is the opening of the other; a tune is whatever links connect (single linkage), so that no near-identical
    pair is ever in two tunes. The rule rather links two tunes too many than leaves one tune in two groups.
    """
    pitches = pitch_sequences(tokens)
    long_enough = np.asarray([len(one) >= SHORTEST_OPENING for one in pitches], bool)
    linked = normalized_pitch_distances(pitches) <= NEAR_IDENTICAL
    linked |= (opening_distances(pitches) <= SAME_OPENING) & long_enough[:, None] & long_enough[None, :]
    groups = np.full(len(pitches), -1, np.int32)
    for melody in range(len(pitches)):
        if groups[melody] >= 0:
            continue
        members = np.zeros(len(pitches), bool)
        members[melody] = True
        while (grown := members | linked[members].any(axis=0)).sum() > members.sum():
            members = grown
        groups[members] = groups.max() + 1
    return groups


def tune_folds(
    tunes: NDArray[np.int32], quadrants: NDArray[np.int8], folds: int = 5, seed: int = 0
) -> NDArray[np.int8]:
    """The fold (0 to folds - 1) of each melody, int [N]: no tune is split, each fold has all quadrants alike.

    Tunes are placed from the largest down, each into the fold that has least of the tune's quadrants; `seed`
    shuffles tunes of one size. Raises ValueError for fewer tunes than folds.
    """
    names, tune_of = np.unique(tunes, return_inverse=True)
    if not 1 < folds <= len(names):
        raise ValueError(f"{len(names)} tunes do not fill {folds} folds")
    labels, label_of = np.unique(quadrants, return_inverse=True)
    counts = np.zeros((len(names), len(labels)))
    np.add.at(counts, (tune_of, label_of), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts.sum(axis=1)[order], kind="stable")]
    filled = np.zeros((folds, len(labels)))
    fold_of_tune = np.zeros(len(names), np.int8)
    for tune in order:
        # That a fold's counts squared, summed up, grow least: they grow by 2 * filled @ counts + a constant.
        fold = int(np.argmin(filled @ counts[tune]))
        filled[fold] += counts[tune]
        fold_of_tune[tune] = fold
    return fold_of_tune[tune_of]
