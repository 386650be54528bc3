"""Melodies written by hand, and a model that is not one: what the evaluation's tests share."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.emotion import Quadrant
from affetti.tokens.melody import HOLD, PHRASE_STEPS, REST, MelodyVocabulary
from tests.tiny import tiny_corpus


def melody(pitches: Sequence[int], length: int = 4, *, steps: int = PHRASE_STEPS) -> np.ndarray:
    """Tokens [steps] of notes of one length, then rests."""
    tokens = np.full(steps, REST, np.int16)
    for number, pitch in enumerate(pitches):
        tokens[number * length : (number + 1) * length] = HOLD
        tokens[number * length] = pitch
    return tokens


def melodies(*pitches: Sequence[int], length: int = 4) -> np.ndarray:
    """Tokens [N, 64] of several melodies."""
    return np.stack([melody(one, length) for one in pitches])


class Resampler:
    """Stands in for a MelodyModel: it "composes" melodies of its corpus, and places each by its label."""

    def __init__(self, corpus: PreparedMelodies, name: str = "resampler", *, label_in_encoder: bool = False) -> None:
        self.corpus = corpus
        self.config = SimpleNamespace(name=name, system="emoreg", label_in_encoder=label_in_encoder)
        self.weights_hash = "0" * 64

    def sample_tokens(self, wanted: Sequence[Quadrant], *, seed: int = 0) -> np.ndarray:
        """A corpus melody of each wanted quadrant, drawn at random."""
        random = np.random.default_rng((seed, int(wanted[0])))
        return np.stack(
            [self.corpus.tokens[random.choice(np.flatnonzero(self.corpus.quadrants == one))] for one in wanted]
        )

    def positions(self, tokens: np.ndarray, quadrants: np.ndarray | None = None) -> np.ndarray:
        """The middle of the quadrant that the label gives, or the right one for an encoder without label."""
        assert (quadrants is not None) == self.config.label_in_encoder
        labels = self.corpus.quadrants[: len(tokens)] if quadrants is None else quadrants
        return np.asarray([[Quadrant(q).valence_sign, Quadrant(q).arousal_sign] for q in labels], np.float32)


class Ear:
    """Hears a major third as pleasant and more than a dozen notes as excited: the tiny corpus's whole secret."""

    weights_hash = "ear"

    def __init__(self) -> None:
        self.vocabulary = MelodyVocabulary.of_corpus(tiny_corpus().tokens)

    def positions(self, tokens: np.ndarray) -> np.ndarray:
        valence = (tokens == 64).sum(axis=1) - (tokens == 63).sum(axis=1)
        arousal = (tokens < REST).sum(axis=1) - 12
        return np.stack([valence, arousal], axis=1).astype(np.float32)
