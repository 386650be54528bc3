"""Interventions: one latent block of held-out pieces is exchanged with another piece's, and what the decoder then finds
likeliest is compared with what it found before.

The decoder is told the true words all the while (teacher-forced), so what changes is the block's doing and not that of
an earlier word which came out otherwise. Blocks are exchanged where their element says something, bar by bar
(`element_exchange`); with one code for a whole word the block's numbers of the latent vector are replaced.

Shapes: N pieces, T words, E = 7 elements and blocks, L latent numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from affetti.evaluation.element_exchange import partners, says
from affetti.evaluation.latent_systems import Floats, LatentSystem
from affetti.tokens.elements import ELEMENTS, Integers, Reals
from affetti.tokens.grammar import Words


@dataclass(frozen=True, slots=True, eq=False)
class BlockInterventions:
    """What exchanging each block does to each element."""

    pieces: int
    changed: Reals
    """[E, E] by block and element: of the words that say the element, the share whose likeliest value changes."""
    different: Reals
    """[E] of the words that a block is exchanged in, the share in which the giver's element has another value: what
    could change at most."""
    followed: Reals
    """[E] of these, the share in which the giver's value becomes the likeliest."""


def intervene(
    system: LatentSystem,
    words: Sequence[Words],
    latents: Sequence[Floats],
    emotions: Integers,
    givers: Sequence[int],
    advance: Callable[[int], None],
) -> BlockInterventions:
    """Exchange each block of N pieces with that of the piece of the giver's number; 8 steps for `advance`."""
    width = latents[0].shape[-1] // len(ELEMENTS)
    before = np.concatenate(system.predict(words, latents, emotions))
    together = np.concatenate(words)
    advance(1)
    changed = np.zeros((len(ELEMENTS), len(ELEMENTS)))
    different, followed = np.zeros((2, len(ELEMENTS)))
    for block in range(len(ELEMENTS)):
        columns = slice(block * width, (block + 1) * width)
        given, exchanged = [], []
        for own, its_latents, giver in zip(words, latents, givers, strict=True):
            taking, giving = partners(own, words[giver], block)
            new = its_latents.copy()
            new[taking, columns] = latents[giver][giving, columns]
            exchanged.append(new)
            values = own[:, block].astype(np.int64)
            values[taking] = words[giver][giving, block]
            given.append(values)
        after = np.concatenate(system.predict(words, exchanged, emotions))
        for element in range(len(ELEMENTS)):
            said = says(together, element)
            changed[block, element] = _share(before[said, element] != after[said, element])
        wanted = np.concatenate(given)
        is_other = wanted != together[:, block]
        different[block] = _share(is_other[says(together, block)])
        followed[block] = _share(after[is_other, block] == wanted[is_other])
        advance(1)
    return BlockInterventions(len(words), changed, different, followed)


def _share(found: np.ndarray) -> float:
    return float(found.mean()) if found.size else float("nan")
