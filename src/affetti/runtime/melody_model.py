"""A trained melody model at run time: composes, reads and places melodies with ONNX Runtime, without torch.

Shapes: N melodies, B rows of one batch, T sixteenth steps, V vocabulary, L latent dimensions.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import Key, estimate_key, notated_key, parse_key
from affetti.emotion import Emotion, Quadrant, parse_quadrant, wanted_emotion
from affetti.errors import InputError
from affetti.piece import DEFAULT_BPM, KeySignature, Piece, Track
from affetti.runtime.drafts import choose, target
from affetti.runtime.form import phrase_form
from affetti.runtime.limits import check_seed, checked_tempo
from affetti.runtime.melody_config import MelodyModelConfig
from affetti.runtime.provenance import Provenance
from affetti.runtime.sampling import Sampling, draw, generators
from affetti.runtime.weights import Graph, MelodyWeights, find_weights
from affetti.tokens.melody import (
    HOLD,
    PHRASE_BARS,
    PHRASE_STEPS,
    REST,
    STEPS_PER_BAR,
    STEPS_PER_QUARTER,
    MelodyVocabulary,
    Tokens,
    decode,
    encode,
)

BATCH = 16
"""Melodies composed together. Always exactly so many rows, so that the arithmetic, and with it every byte of a
piece, is the same whether it is composed alone, among a thousand, or replayed."""

RETURNING_STEPS = 2 * STEPS_PER_BAR
"""What a returning section takes over literally: its first two bars."""

POINT_SPREAD = 0.1
"""Standard deviation, in units of the axis reach, around a point asked for by valence and arousal."""

MAX_READ_PHRASES = 256

Wanted = Quadrant | Emotion


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader hears in a melody."""

    emotion: Emotion
    """Valence and arousal as expected signs: -1 certainly negative, 0 undecided, 1 certainly positive."""
    confidence: float
    """Probability that the quadrant is right given the key, 0.25-1: calibrated on held-out melodies of one phrase; the
    mean over phrases where there are several."""
    phrases: tuple[Emotion, ...]
    """The same for every four bars."""
    key: Key
    """The key whose tonic the melody was heard from."""
    key_source: Literal["given", "notated", "estimated"]
    """Where that key comes from; an estimated one is the weakest link of a reading."""

    @property
    def quadrant(self) -> Quadrant:
        """The quadrant the reading lies in."""
        return self.emotion.quadrant


class MelodyModel:
    """Shipped or user-trained weights of the melody system, ready to compose and read."""

    def __init__(self, weights: MelodyWeights) -> None:
        self.weights = weights
        self.vocabulary = MelodyVocabulary(weights.config.vocabulary)

    @classmethod
    def load(cls, name: str | Path) -> "MelodyModel":
        """The model of a system name, shipped weights or a weights folder. Raises InputError where there is none."""
        weights = find_weights(name)
        if not isinstance(weights, MelodyWeights):
            raise InputError(f"{weights.folder}: weights of {weights.config.system}, which composes no melodies")
        return cls(weights)

    @property
    def config(self) -> MelodyModelConfig:
        """What the weights say of themselves."""
        return self.weights.config

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, hexadecimal."""
        return self.weights.sha256

    @cached_property
    def _encoder(self) -> Graph:
        return self.weights.graph("encoder")

    @cached_property
    def _decoder_step(self) -> Graph:
        return self.weights.graph("decoder_step")

    # ---- composing ----

    def compose(
        self,
        emotion: str | Wanted | None = None,
        *,
        valence: float | None = None,
        arousal: float | None = None,
        bars: int = PHRASE_BARS,
        seed: int = 0,
        tempo: float | None = None,
        key: str | None = None,
        temperature: float | None = None,
        nucleus: float | None = None,
        greedy: bool = False,
    ) -> Piece:
        """One melody with an emotion: a name or quadrant, or a point given by valence and arousal (-1 to 1).

        bars: a multiple of 4; tempo: quarters per minute (default 120); key: for example "D major" (default C);
        temperature, nucleus, greedy: default to the weights' own. Raises InputError for anything out of range.
        """
        return self.compose_many(
            1,
            emotion,
            valence=valence,
            arousal=arousal,
            bars=bars,
            seed=seed,
            tempo=tempo,
            key=key,
            temperature=temperature,
            nucleus=nucleus,
            greedy=greedy,
        )[0]

    def compose_many(
        self,
        count: int,
        emotion: str | Wanted | None = None,
        *,
        valence: float | None = None,
        arousal: float | None = None,
        bars: int = PHRASE_BARS,
        seed: int = 0,
        tempo: float | None = None,
        key: str | None = None,
        temperature: float | None = None,
        nucleus: float | None = None,
        greedy: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> list[Piece]:
        """As `compose`, `count` different melodies; the first is the one that `compose` returns.

        progress: called after every batch with the number of melodies just finished.
        """
        if count < 1:
            raise InputError(f"count is {count}; it must be at least 1")
        seed, bars = operator.index(seed), operator.index(bars)  # plain integers, which JSON can store
        wanted = wanted_emotion(emotion, valence, arousal)
        transposed_to = _key_for(wanted, key)
        sampling = self.sampling(temperature, nucleus, greedy=greedy)
        tempo = checked_tempo(DEFAULT_BPM if tempo is None else tempo)
        check_seed(seed)
        tokens = self.sample_tokens([wanted] * count, bars=bars, seed=seed, sampling=sampling, progress=progress)
        provenance = Provenance(
            system=self.config.system,
            weights=self.config.name,
            weights_sha256=self.weights_hash,
            licence=self.config.licence,
            seed=seed,
            piece=0,
            valence=wanted.valence if isinstance(wanted, Emotion) else None,
            arousal=wanted.arousal if isinstance(wanted, Emotion) else None,
            quadrant=wanted.name if isinstance(wanted, Quadrant) else None,
            bars=bars,
            quarters_per_minute=tempo,
            key=None if key is None else transposed_to.name,
            temperature=sampling.temperature,
            nucleus=sampling.nucleus,
            greedy=sampling.greedy,
        )
        return [self._piece(row, transposed_to, replace(provenance, piece=piece)) for piece, row in enumerate(tokens)]

    def compose_again(self, provenance: Provenance) -> Piece:
        """The piece that a provenance describes. Raises InputError for values out of range."""
        if not (0 <= provenance.piece < 1_000_000 and 0 <= provenance.seed < 2**32):
            raise InputError("the provenance in this file is damaged: seed or piece number out of range")
        quadrant = None if provenance.quadrant is None else parse_quadrant(provenance.quadrant)
        wanted = wanted_emotion(quadrant, provenance.valence, provenance.arousal)
        first = provenance.piece - provenance.piece % BATCH
        sampling = Sampling(provenance.temperature, provenance.nucleus, provenance.greedy)
        row = provenance.piece - first
        # What a file says of its own making decides the music; what it says of these weights they say themselves.
        provenance = replace(
            provenance,
            system=self.config.system,
            weights=self.config.name,
            weights_sha256=self.weights_hash,
            licence=self.config.licence,
            quarters_per_minute=checked_tempo(provenance.quarters_per_minute),
        )
        tokens = self.sample_tokens(
            [wanted] * (row + 1),
            bars=provenance.bars,
            seed=provenance.seed,
            sampling=sampling,
            first_piece=first,
        )
        return self._piece(tokens[row], _key_for(wanted, provenance.key), provenance)

    def sampling(self, temperature: float | None, nucleus: float | None, *, greedy: bool = False) -> Sampling:
        """The weights' own sampling with what the caller chose instead; choosing a temperature or nucleus draws."""
        if greedy and (temperature is not None or nucleus is not None):
            raise InputError("greedy leaves nothing to draw: use it without temperature and nucleus")
        own = self.config.sampling
        return Sampling(
            own.temperature if temperature is None else temperature,
            own.nucleus if nucleus is None else nucleus,
            greedy or (own.greedy and temperature is None and nucleus is None),
        )

    def sample_tokens(
        self,
        wanted: Sequence[Wanted],
        *,
        bars: int = PHRASE_BARS,
        seed: int = 0,
        sampling: Sampling | None = None,
        first_piece: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Tokens:
        """Token values of one melody for each emotion wanted, [N, bars * 16], in C major or c minor.

        Melody n depends on its emotion, the options, `seed` and its number `first_piece` + n, and on nothing else.
        """
        form = phrase_form(bars)
        sampling = sampling or self.sampling(None, None)
        tokens = [np.empty((0, bars * STEPS_PER_BAR), np.int64)]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            tokens.append(self._sample_batch(batch, form, seed, first_piece + start, sampling))
            if progress is not None:
                progress(len(batch))
        return self.vocabulary.tokens(np.concatenate(tokens))

    def sample_drafts(self, wanted: Sequence[Wanted], drafts: int, *, seed: int = 0) -> Tokens:
        """All drafts of one phrase for each emotion wanted, none chosen: [N, drafts, 64]."""
        sampling = self.sampling(None, None)
        drawn = [np.empty((0, drafts, PHRASE_STEPS), np.int64)]
        for start in range(0, len(wanted), BATCH):
            rows, random = _padded(wanted[start : start + BATCH]), generators(seed, range(start, start + BATCH))
            heard = self._conditions(rows, random, drafts)
            phrases = self._sample_phrase(heard, _uniforms(random, drafts), sampling, None)
            drawn.append(phrases.reshape(BATCH, drafts, PHRASE_STEPS)[: len(wanted) - start])
        return self.vocabulary.tokens(np.concatenate(drawn))

    def _sample_batch(
        self, wanted: Sequence[Wanted], form: tuple[int, ...], seed: int, first_piece: int, sampling: Sampling
    ) -> NDArray[np.int64]:
        """Token indices of up to BATCH melodies, [B, phrases * 64]."""
        profiles = None if sampling.greedy else self.config.profiles
        drafts = profiles.drafts if profiles else 1
        rows = _padded(wanted)
        random = generators(seed, range(first_piece, first_piece + BATCH))
        targets = [target(profiles, one, seed, first_piece + row) for row, one in enumerate(rows) if profiles]
        conditions: dict[int, NDArray[np.float32]] = {}
        openings: dict[int, NDArray[np.int64]] = {}
        phrases = []
        for number, section in enumerate(form):
            heard = conditions.get(section)
            if heard is None:
                heard = self._conditions(rows, random, drafts)
            drawn = self._sample_phrase(heard, _uniforms(random, drafts), sampling, openings.get(section))
            kept = np.arange(BATCH) * drafts
            if profiles is not None:
                candidates = self.vocabulary.tokens(drawn).reshape(BATCH, drafts, PHRASE_STEPS)
                closes = number > 0 and number == len(form) - 1
                kept = kept + choose(candidates, np.stack(targets), profiles, close=closes)
            if section not in conditions:  # the kept draft's, for all drafts of the section's other phrases
                conditions[section] = np.repeat(heard[kept], drafts, axis=0)
                openings[section] = np.repeat(drawn[kept, :RETURNING_STEPS], drafts, axis=0)
            phrases.append(drawn[kept])
        return np.concatenate(phrases, axis=1)[: len(wanted)]

    def _conditions(
        self, rows: Sequence[Wanted], random: Sequence[np.random.Generator], drafts: int
    ) -> NDArray[np.float32]:
        """What the decoder hears besides its own past, [B * drafts, L (+ 4)]: a latent position and, where it was
        trained with one, the label.
        """
        config = self.config
        conditions = np.zeros((len(rows), drafts, config.condition_size), np.float32)
        for row, (wanted, one) in enumerate(zip(rows, random, strict=True)):
            quadrant = wanted if isinstance(wanted, Quadrant) else wanted.quadrant
            noise = one.standard_normal((drafts, config.latent_size))
            fitted = config.quadrant_positions[quadrant - 1]
            positions = np.asarray(fitted.mean) + noise @ np.asarray(fitted.cholesky).T
            if config.is_map:
                if isinstance(wanted, Emotion):
                    points = np.array([wanted.valence, wanted.arousal]) + POINT_SPREAD * noise[:, :2]
                    positions[:, :2] = points * config.axis_reach
                else:  # the Gaussian's tail may cross an axis; the quadrant asked for does not
                    signs = (quadrant.valence_sign, quadrant.arousal_sign)
                    positions[:, :2] = np.abs(positions[:, :2]) * signs
            conditions[row, :, : config.latent_size] = positions
            if config.label_in_decoder:
                conditions[row, :, config.latent_size + quadrant - 1] = 1.0
        return conditions.reshape(len(rows) * drafts, -1)

    def _sample_phrase(
        self,
        conditions: NDArray[np.float32],
        uniforms: NDArray[np.float64],
        sampling: Sampling,
        opening: NDArray[np.int64] | None,
    ) -> NDArray[np.int64]:
        """Token indices of one phrase per row, [B, 64]; begins with `opening` [B, RETURNING_STEPS] where given."""
        rows = len(conditions)
        nothing = np.full(rows, len(self.vocabulary), np.int64)
        state = np.zeros((rows, self.config.hidden_size), np.float32)
        hold, rest = (self.vocabulary.values.index(token) for token in (HOLD, REST))
        previous = nothing
        phrase = np.empty((rows, PHRASE_STEPS), np.int64)
        for step in range(PHRASE_STEPS):
            inputs: dict[str, NDArray[Any]] = {"condition": conditions, "state": state}
            if self.config.autoregressive:
                inputs |= {"previous": previous, "step": np.full(rows, step, np.int64)}
            logits, state = self._decoder_step.run(["logits", "next_state"], inputs)
            if opening is not None and step < opening.shape[1]:
                previous = opening[:, step]
            else:
                if self.config.autoregressive:  # a hold with nothing to hold: silence has one way to be written
                    logits = logits.copy()
                    logits[(previous == nothing) | (previous == rest), hold] = -np.inf
                previous = draw(logits, uniforms[:, step], sampling)
            phrase[:, step] = previous
        return phrase

    def _piece(self, tokens: Tokens, key: Key, provenance: Provenance) -> Piece:
        piece = decode(tokens, quarters_per_minute=provenance.quarters_per_minute)
        piece = key.transposed_from_c(piece)
        piece = replace(piece, key_signatures=(KeySignature(0, key.sharps, key.is_minor),))
        return piece.with_marker(provenance.to_json())

    # ---- reading ----

    def positions(self, tokens: Tokens, quadrants: NDArray[np.int8] | None = None) -> NDArray[np.float32]:
        """Posterior means of melodies [N, 64], shape [N, L]: column 0 is the valence axis, 1 the arousal axis.

        quadrants: [N], 1-4; needed by, and only by, models whose encoder is told the label (ValueError otherwise).
        """
        if self.config.label_in_encoder != (quadrants is not None):
            raise ValueError(
                "the encoder of these weights " + ("needs" if quadrants is None else "takes no") + " labels"
            )
        found = [np.empty((0, self.config.latent_size), np.float32)]
        for start in range(0, len(tokens), 256):
            inputs: dict[str, NDArray[Any]] = {"tokens": self.vocabulary.indices(tokens[start : start + 256])}
            if quadrants is not None:
                chosen = quadrants[start : start + 256, None]
                inputs["labels"] = (chosen == np.arange(1, 5)).astype(np.float32)
            found.append(self._encoder.run(["mean"], inputs)[0])
        return np.concatenate(found)

    def read(self, piece: Piece, *, key: str | None = None) -> Reading:
        """The emotion of a piece's melody, four bars at a time, in musical time (the tempo is not heard).

        The melody is moved to C first: from `key` ("D minor"; of its mode only the tonic matters), else from the
        piece's own key signature, else from an estimate. Raises InputError for weights that cannot
        read or a piece without pitched notes.
        """
        slope = self.config.reading_slope
        if slope is None:
            raise InputError(f"the weights {self.config.name} do not read: use emoreg_reader, or train with folds")
        if not piece.notes:
            raise InputError("no pitched notes: there is no melody to read")
        source: Literal["given", "notated", "estimated"] = "given"
        tonality = None if key is None else parse_key(key)
        if tonality is None:
            source, tonality = "notated", notated_key(piece)
        if tonality is None:
            source, tonality = "estimated", estimate_key(piece)
        phrases = np.stack(list(_phrases(tonality.transposed_to_c(piece))))
        positions = self.positions(self.vocabulary.nearest(phrases))[:, :2]
        likelihoods = 1 / (1 + np.exp(-positions * slope))  # of positive valence, of high arousal: [phrases, 2]
        expected = 2 * likelihoods - 1
        valence, arousal = expected.mean(axis=0).tolist()
        confidence = float(np.prod((1 + np.abs(np.array([valence, arousal]))) / 2))
        heard = tuple(Emotion(*point) for point in expected.tolist())
        return Reading(Emotion(valence, arousal), confidence, heard, tonality, source)


def _phrases(piece: Piece) -> Iterator[Tokens]:
    """The piece's melody in phrases of four bars from the bar of its first note on; silent phrases are left out."""
    notes = piece.notes
    first_tick = notes[0].start_ticks // (piece.ticks_per_quarter * 4) * piece.ticks_per_quarter * 4
    moved = tuple(replace(note, start_ticks=note.start_ticks - first_tick) for note in notes)
    steps = moved[-1].start_ticks * STEPS_PER_QUARTER // piece.ticks_per_quarter + PHRASE_STEPS
    phrases = min(steps // PHRASE_STEPS, MAX_READ_PHRASES)
    tokens = encode(replace(piece, tracks=(Track(moved),)), phrases * PHRASE_STEPS)
    for phrase in tokens.reshape(-1, PHRASE_STEPS):
        if (phrase < REST).any():
            held_over = int(np.argmax(phrase != HOLD))  # a note of the phrase before is not heard again
            phrase[:held_over] = REST
            yield phrase


def _padded(wanted: Sequence[Wanted]) -> list[Wanted]:
    """The emotions of a batch, filled up to exactly BATCH."""
    return [*wanted, *[wanted[0]] * (BATCH - len(wanted))]


def _uniforms(random: Sequence[np.random.Generator], drafts: int) -> NDArray[np.float64]:
    """What decides the tokens of one phrase's drafts, [B * drafts, 64]."""
    return np.concatenate([one.random((drafts, PHRASE_STEPS)) for one in random])


def _key_for(wanted: Wanted, name: str | None) -> Key:
    """The key to write in: what `name` says, in the mode that the emotion's valence asks for (default C).

    The corpus writes positive valence in major and negative in minor, and the models learnt that.
    """
    quadrant = wanted if isinstance(wanted, Quadrant) else wanted.quadrant
    is_minor = quadrant.valence_sign < 0
    return Key(0, is_minor) if name is None else parse_key(name, is_minor=is_minor)
