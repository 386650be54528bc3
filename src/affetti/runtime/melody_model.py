"""A trained melody model at run time: composes, reads and places melodies with ONNX Runtime, without torch.

Shapes: N melodies, B rows of one batch, T sixteenth steps, V vocabulary, L latent dimensions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import Key, estimate_key, notated_key, parse_key
from affetti.emotion import Emotion, Quadrant, parse_quadrant
from affetti.errors import InputError
from affetti.piece import DEFAULT_BPM, KeySignature, Piece
from affetti.runtime.drafts import FEATURES, choose, target
from affetti.runtime.form import phrase_form
from affetti.runtime.provenance import Provenance
from affetti.runtime.sampling import Sampling, draw, generators
from affetti.runtime.weights import MelodyModelConfig, Profiles, Weights, find_weights
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

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

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
    """Probability that the quadrant is right, 0.25-1, calibrated on held-out melodies."""
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

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.vocabulary = MelodyVocabulary(weights.config.vocabulary)

    @classmethod
    def load(cls, name: str | Path) -> "MelodyModel":
        """The model of a system name, shipped weights or a weights folder. Raises InputError where there is none."""
        return cls(find_weights(name))

    @property
    def config(self) -> MelodyModelConfig:
        """What the weights say of themselves."""
        return self.weights.config

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, hexadecimal."""
        return self.weights.sha256

    @cached_property
    def _encoder(self) -> "InferenceSession":
        return self.weights.session("encoder")

    @cached_property
    def _decoder_step(self) -> "InferenceSession":
        return self.weights.session("decoder_step")

    # ---- composing ----

    def compose(
        self,
        emotion: str | Quadrant | None = None,
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
        emotion: str | Quadrant | None = None,
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
    ) -> list[Piece]:
        """As `compose`, `count` different melodies; the first is the one that `compose` returns."""
        wanted = _wanted(emotion, valence, arousal)
        transposed_to = _key_for(wanted, key)
        sampling = self.sampling(temperature, nucleus, greedy=greedy)
        tempo = DEFAULT_BPM if tempo is None else float(tempo)
        if not 20 <= tempo <= 300:
            raise InputError(f"tempo is {tempo}; it must be between 20 and 300 quarters per minute")
        if not 0 <= seed < 2**32:
            raise InputError(f"seed is {seed}; it must be between 0 and {2**32 - 1}")
        tokens = self.sample_tokens([wanted] * count, bars=bars, seed=seed, sampling=sampling)
        provenance = Provenance(
            system=self.config.system,
            weights=self._name(),
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
        wanted = _wanted(quadrant, provenance.valence, provenance.arousal)
        first = provenance.piece - provenance.piece % BATCH
        sampling = Sampling(provenance.temperature, provenance.nucleus, provenance.greedy)
        row = provenance.piece - first
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
    ) -> Tokens:
        """Token values of one melody for each emotion wanted, [N, bars * 16], in C major or c minor.

        Melody n depends on its emotion, the options, `seed` and its number `first_piece` + n, and on nothing else.
        """
        form = phrase_form(bars)
        sampling = sampling or self.sampling(None, None)
        batches = [
            self._sample_batch(wanted[start : start + BATCH], form, seed, first_piece + start, sampling)
            for start in range(0, len(wanted), BATCH)
        ]
        if not batches:
            return np.empty((0, bars * STEPS_PER_BAR), np.int16)
        return self.vocabulary.tokens(np.concatenate(batches))

    def _sample_batch(
        self, wanted: Sequence[Wanted], form: tuple[int, ...], seed: int, first_piece: int, sampling: Sampling
    ) -> NDArray[np.int64]:
        """Token indices of up to BATCH melodies, [B, phrases * 64]."""
        profiles = None if sampling.greedy else self.config.profiles
        drafts = profiles.drafts if profiles else 1
        full = [*wanted, *[wanted[0]] * (BATCH - len(wanted))]
        random = generators(seed, range(first_piece, first_piece + BATCH))
        rows = [one for one in full for _ in range(drafts)]
        random_of_rows = [one for one in random for _ in range(drafts)]
        targets = [] if profiles is None else _targets(profiles, full, seed, first_piece)
        conditions: dict[int, NDArray[np.float32]] = {}
        openings: dict[int, NDArray[np.int64]] = {}
        phrases = []
        for number, section in enumerate(form):
            heard = conditions.get(section)
            if heard is None:
                heard = self._conditions(rows, random_of_rows)
            uniforms = np.concatenate([one.random((drafts, PHRASE_STEPS)) for one in random])
            drawn = self._sample_phrase(heard, uniforms, sampling, openings.get(section))
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

    def _conditions(self, rows: Sequence[Wanted], random: Sequence[np.random.Generator]) -> NDArray[np.float32]:
        """What the decoder hears besides its own past, [B, L (+ 4)]: a latent position and, where it was trained
        with one, the label.
        """
        config = self.config
        conditions = np.zeros((len(rows), config.latent_size + 4 * config.label_in_decoder), np.float32)
        for row, (wanted, one) in enumerate(zip(rows, random, strict=True)):
            quadrant = wanted if isinstance(wanted, Quadrant) else wanted.quadrant
            noise = one.standard_normal(config.latent_size)
            fitted = config.quadrant_positions[quadrant - 1]
            position = np.asarray(fitted.mean) + np.asarray(fitted.cholesky) @ noise
            if config.is_map:
                if isinstance(wanted, Emotion):
                    point = np.array([wanted.valence, wanted.arousal]) + POINT_SPREAD * noise[:2]
                    position[:2] = point * config.axis_reach
                else:  # the Gaussian's tail may cross an axis; the quadrant asked for does not
                    position[:2] = np.abs(position[:2]) * (quadrant.valence_sign, quadrant.arousal_sign)
            conditions[row, : config.latent_size] = position
            if config.label_in_decoder:
                conditions[row, config.latent_size + quadrant - 1] = 1.0
        return conditions

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

    def _name(self) -> str:
        """How replay finds these weights again: the shipped name, else the folder."""
        folder = self.weights.folder
        shipped = find_weights(self.config.name).folder if self.config.name == folder.name else None
        return self.config.name if shipped == folder else str(folder.resolve())

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
                inputs["labels"] = np.eye(4, dtype=np.float32)[quadrants[start : start + 256] - 1]
            found.append(self._encoder.run(["mean"], inputs)[0])
        return np.concatenate(found)

    def read(self, piece: Piece, *, key: str | None = None) -> Reading:
        """The emotion of a piece's melody, four bars at a time, in musical time (the tempo is not heard).

        The melody is moved to C first: from `key` ("D minor"; of its mode only the tonic matters), else from the
        piece's own key signature, else from an estimate. Raises InputError for weights that cannot
        read or a piece without pitched notes.
        """
        slope = self.config.reading_slope
        if slope is None or self.config.label_in_encoder:
            raise InputError(f"the weights {self.config.name} do not read: their encoder needs the label")
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
        confidence = float(np.prod((1 + np.abs((valence, arousal))) / 2))
        heard = tuple(Emotion(*point) for point in expected.tolist())
        return Reading(Emotion(valence, arousal), confidence, heard, tonality, source)


def _phrases(piece: Piece) -> Iterator[Tokens]:
    """The piece's melody in phrases of four bars from the bar of its first note on; silent phrases are left out."""
    first_bar = piece.notes[0].start_ticks * STEPS_PER_QUARTER // (piece.ticks_per_quarter * STEPS_PER_BAR)
    start = first_bar * STEPS_PER_BAR
    last = max(note.start_ticks for note in piece.notes) * STEPS_PER_QUARTER // piece.ticks_per_quarter + 1
    tokens = encode(piece, min(last + PHRASE_STEPS, start + MAX_READ_PHRASES * PHRASE_STEPS))[start:]
    for phrase in tokens[: len(tokens) // PHRASE_STEPS * PHRASE_STEPS].reshape(-1, PHRASE_STEPS):
        if (phrase < REST).any():
            if phrase[0] == HOLD:  # a note held over from the phrase before is not heard again
                phrase = phrase.copy()
                phrase[: int(np.argmax(phrase != HOLD))] = REST
            yield phrase


def _wanted(emotion: str | Quadrant | None, valence: float | None, arousal: float | None) -> Wanted:
    if emotion is not None:
        if valence is not None or arousal is not None:
            raise InputError("give either an emotion, or valence and arousal")
        return emotion if isinstance(emotion, Quadrant) else parse_quadrant(emotion)
    if valence is None or arousal is None:
        raise InputError("give an emotion, or valence and arousal together")
    return Emotion(valence, arousal)


def _targets(profiles: Profiles, rows: Sequence[Wanted], seed: int, first_piece: int) -> list[NDArray[np.float64]]:
    """What each melody's drafts are compared with, [5] each.

    For a point of the plane the quadrants' own targets, mixed by how near the point is to their middles.
    """
    targets = []
    for piece, wanted in enumerate(rows, start=first_piece):
        if isinstance(wanted, Quadrant):
            targets.append(target(profiles, wanted, seed, piece))
            continue
        valence, arousal = (min(max(value, -0.5), 0.5) for value in (wanted.valence, wanted.arousal))
        mixed = np.zeros(len(FEATURES))
        for quadrant in Quadrant:
            share = (0.5 + quadrant.valence_sign * valence) * (0.5 + quadrant.arousal_sign * arousal)
            mixed += share * target(profiles, quadrant, seed, piece)
        targets.append(mixed)
    return targets


def _key_for(wanted: Wanted, name: str | None) -> Key:
    """The key to write in: what `name` says, in the mode that the emotion's valence asks for (default C).

    The corpus writes positive valence in major and negative in minor, and the models learnt that.
    """
    quadrant = wanted if isinstance(wanted, Quadrant) else wanted.quadrant
    is_minor = quadrant.valence_sign < 0
    return Key(0, is_minor) if name is None else parse_key(name, is_minor=is_minor)
