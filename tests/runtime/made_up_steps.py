"""Networks that are none: their logits are drawn, or said beforehand."""

import numpy as np

from affetti.runtime.piano_config import OTHERS
from affetti.runtime.piano_sampling import Codebook
from affetti.runtime.piano_steps import DecoderSteps, PriorSteps
from affetti.tokens.elements import BAR_BEAT, PITCH, SIZES, TYPE

CODES, BOOKS, LATENTS = 12, 2, 4


class MadeUp:
    """Random logits of a chosen spread; what the decoder is told is kept.

    codes: the prior's logits by step, [T, K + 1] of the first codebook, instead of random ones.
    """

    def __init__(self, seed: int = 0, spread: float = 3.0, codes: np.ndarray | None = None) -> None:
        self.random, self.spread, self.codes = np.random.default_rng(seed), spread, codes
        self.steps = 0
        self.emotions: list[list[int]] = []
        self.remembered: list[tuple[int, int]] = []
        self.told: list[tuple[str, list[int]]] = []
        """What was told while composing: "prior" or "decoder", and the likeliest emotion of each row."""

    def prior(self, emotions: np.ndarray) -> PriorSteps:
        self.emotions.append(emotions.argmax(axis=1).tolist())
        return _Prior(self, len(emotions))

    def decoder(self, emotions: np.ndarray) -> DecoderSteps:
        self.emotions.append(emotions.argmax(axis=1).tolist())
        return _Decoder(self, len(emotions))

    def logits(self, rows: int, size: int) -> np.ndarray:
        return (self.spread * self.random.standard_normal((rows, size))).astype(np.float32)


class _Prior:
    def __init__(self, made_up: MadeUp, rows: int) -> None:
        self.made_up, self.rows = made_up, rows

    def feel(self, emotions: np.ndarray) -> None:
        self.made_up.told.append(("prior", emotions.argmax(axis=1).tolist()))

    def adopt(self, row: int, other: "_Prior", other_row: int) -> None:
        assert 0 <= row < self.rows
        assert 0 <= other_row < other.rows
        self.made_up.told.append(("prior adopts", [row]))

    def step(self, previous: np.ndarray) -> np.ndarray:
        assert previous.shape == (self.rows, BOOKS)
        self.made_up.steps += 1
        if self.made_up.codes is None:
            return self.made_up.logits(self.rows, CODES + 1)
        step = min(self.made_up.steps, len(self.made_up.codes)) - 1
        return np.repeat(self.made_up.codes[step][None], self.rows, axis=0).astype(np.float32)

    def book(self, chosen: np.ndarray) -> np.ndarray:
        assert chosen.shape == (self.rows, 1)
        return self.made_up.logits(self.rows, CODES)


class OneBookEach:
    """A prior alone, with a codebook for each element: words of places (1), notes (0) and either (-1) in turn."""

    def __init__(self, places: list[int]) -> None:
        self.places, self.steps = places, -1

    def prior(self, emotions: np.ndarray) -> PriorSteps:
        return self

    def decoder(self, emotions: np.ndarray) -> DecoderSteps:
        raise NotImplementedError

    def feel(self, emotions: np.ndarray) -> None:
        raise NotImplementedError

    def adopt(self, row: int, other: "OneBookEach", other_row: int) -> None:
        raise NotImplementedError

    def step(self, previous: np.ndarray) -> np.ndarray:
        self.steps += 1
        return only(0)[None].astype(np.float32)

    def book(self, chosen: np.ndarray) -> np.ndarray:
        element, logits = chosen.shape[1], only(0)[None, :-1].astype(np.float32)
        place = self.places[self.steps % len(self.places)]
        if element == BAR_BEAT:
            logits[:, :2] = 0 if place < 0 else [[50, -50], [-50, 50]][place]
        if element == PITCH and place == 0:
            logits[:] = 0
            logits[:, 0] = -50
        return logits


class _Decoder:
    def __init__(self, made_up: MadeUp, rows: int) -> None:
        self.made_up, self.rows = made_up, rows

    def feel(self, emotions: np.ndarray) -> None:
        assert len(emotions) == self.rows
        self.made_up.told.append(("decoder", emotions.argmax(axis=1).tolist()))

    def remember(self, row: int, latents: np.ndarray) -> None:
        assert 0 <= row < self.rows
        assert latents.shape[1] == LATENTS
        self.made_up.remembered.append((row, len(latents)))

    def types(self, previous: np.ndarray, latents: np.ndarray) -> np.ndarray:
        assert previous.shape == (self.rows, len(SIZES))
        assert latents.shape == (self.rows, LATENTS)
        return self.made_up.logits(self.rows, SIZES[TYPE])

    def elements(self, types: np.ndarray) -> list[np.ndarray]:
        assert types.shape == (self.rows,)
        return [self.made_up.logits(self.rows, SIZES[column]) for column in OTHERS]

    def keep(self, rows: np.ndarray) -> None:
        assert len(rows) < self.rows
        self.rows = len(rows)


def made_up_codebook(bar_share: float = 0.1) -> Codebook:
    latents = np.random.default_rng(0).random((BOOKS, CODES, LATENTS // BOOKS), dtype=np.float32)
    return Codebook(latents, np.full(CODES, bar_share), 0)


def only(code: int) -> np.ndarray:
    """Logits that leave no choice."""
    logits = np.full(CODES + 1, -50.0)
    logits[code] = 50.0
    return logits
