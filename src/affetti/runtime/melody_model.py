"""A trained melody model at run time: composes, reads and places melodies with ONNX Runtime, without torch.

Shapes: N melodies, B rows of one batch, T sixteenth steps, V vocabulary, L latent dimensions.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import Key, estimate_key, notated_key, parse_key
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.piece import DEFAULT_BPM, KeySignature, Piece, Track
from affetti.runtime.drafts import NO_NOTE, choose, edge_pitches, profile_distances, target
from affetti.runtime.emotion_path import EmotionPath, Wanted, wanted_of
from affetti.runtime.form import Phrase, phrases_of
from affetti.runtime.limits import check_seed, checked_tempo
from affetti.runtime.melody_conditions import conditions, told_emotion
from affetti.runtime.melody_config import MelodyModelConfig
from affetti.runtime.melody_listener import MelodyListener
from affetti.runtime.provenance import Provenance, asked_for, told_of
from affetti.runtime.sampling import Sampling, draw, generators
from affetti.runtime.weights import Graph, MelodyWeights, find_weights, numbers_sha256
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

MAX_READ_PHRASES = 256

POINT_DRAFTS = 16
"""Drafts of a phrase at a point of the plane, or on a path, of weights that have a listener."""

_FREE = -1
"""In place of a token that is to be drawn."""

W = TypeVar("W")


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
        emotion: str | Quadrant | Emotion | None = None,
        *,
        valence: float | None = None,
        arousal: float | None = None,
        path: str | EmotionPath | None = None,
        bars: int | None = None,
        seed: int = 0,
        tempo: float | None = None,
        key: str | None = None,
        temperature: float | None = None,
        nucleus: float | None = None,
        greedy: bool = False,
    ) -> Piece:
        """One melody with an emotion: a name or quadrant, a point of valence and arousal (-1 to 1), or a path of them.

        path: how the emotion changes along the melody, as "calm:8,tense:8" or the name of a .csv file (see
        `emotion_path`), every segment a multiple of 4 bars. bars: a multiple of 4 (default 4); tempo: quarters per
        minute (default 120); key: for example "D major" (default C); temperature, nucleus, greedy: default to the
        weights' own. Raises InputError for anything out of range.
        """
        return self.compose_many(
            1,
            emotion,
            valence=valence,
            arousal=arousal,
            path=path,
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
        emotion: str | Quadrant | Emotion | None = None,
        *,
        valence: float | None = None,
        arousal: float | None = None,
        path: str | EmotionPath | None = None,
        bars: int | None = None,
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
        seed = operator.index(seed)  # a plain integer, which JSON can store
        wanted = wanted_of(emotion, valence, arousal, path)
        bars = _bars([wanted], None if bars is None else operator.index(bars))
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
            **told_of(wanted),
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
        wanted = asked_for(provenance)
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
        bars: int | None = None,
        seed: int = 0,
        sampling: Sampling | None = None,
        first_piece: int = 0,
        progress: Callable[[int], None] | None = None,
    ) -> Tokens:
        """Token values of one melody for each emotion wanted, [N, bars * 16], in C major or c minor.

        bars: default 4, or those of the paths, if there are any.
        Melody n depends on its emotion, the options, `seed` and its number `first_piece` + n, and on nothing else.
        """
        bars = _bars(wanted, bars)
        sampling = sampling or self.sampling(None, None)
        tokens = np.empty((len(wanted), bars * STEPS_PER_BAR), np.int64)
        are_named = np.asarray([isinstance(one, Quadrant) for one in wanted], np.bool_)
        for group in (np.flatnonzero(are_named), np.flatnonzero(~are_named)):  # which are drafted differently
            for start in range(0, len(group), BATCH):
                batch = group[start : start + BATCH]
                rows = _padded(batch.tolist())
                pieces = [first_piece + row for row in rows]
                drawn = self._sample_batch([wanted[row] for row in rows], bars, seed, pieces, sampling)
                tokens[batch] = drawn[: len(batch)]
                if progress is not None:
                    progress(len(batch))
        return self.vocabulary.tokens(tokens)

    def sample_drafts(self, wanted: Sequence[Quadrant | Emotion], drafts: int, *, seed: int = 0) -> Tokens:
        """All drafts of one phrase for each emotion wanted, none chosen: [N, drafts, 64]."""
        sampling = self.sampling(None, None)
        drawn = [np.empty((0, drafts, PHRASE_STEPS), np.int64)]
        for start in range(0, len(wanted), BATCH):
            rows, random = _padded(wanted[start : start + BATCH]), generators(seed, range(start, start + BATCH))
            heard = [conditions(self.config, one, own, drafts) for one, own in zip(rows, random, strict=True)]
            free = np.full((BATCH * drafts, RETURNING_STEPS), _FREE)
            phrases = self._sample_phrase(np.concatenate(heard), _uniforms(random, drafts), sampling, free)
            drawn.append(phrases.reshape(BATCH, drafts, PHRASE_STEPS)[: len(wanted) - start])
        return self.vocabulary.tokens(np.concatenate(drawn))

    def _sample_batch(
        self, wanted: Sequence[Wanted], bars: int, seed: int, pieces: Sequence[int], sampling: Sampling
    ) -> NDArray[np.int64]:
        """Token indices of BATCH melodies, [B, bars * 16]: emotions by name, or else points and paths."""
        profiles = None if sampling.greedy else self.config.profiles
        drafts = profiles.drafts if profiles else 1
        listener = None if all(isinstance(one, Quadrant) for one in wanted) else self._listener
        if listener is not None:
            drafts = max(drafts, POINT_DRAFTS)
        plans = [phrases_of(one, bars) for one in wanted]
        random = generators(seed, pieces)
        known: list[dict[int, _Opening]] = [{} for _ in plans]
        kept_phrases: list[NDArray[np.int64]] = []
        for number in range(len(plans[0])):
            phrases = [plan[number] for plan in plans]
            heard = np.empty((BATCH, drafts, self.config.condition_size), np.float32)
            openings = np.full((BATCH, RETURNING_STEPS), _FREE)
            for row, phrase in enumerate(phrases):
                if phrase.section in known[row]:
                    heard[row], openings[row] = known[row][phrase.section]
                else:
                    heard[row] = conditions(self.config, phrase.emotion, random[row], drafts)
            every_draft = heard.reshape(BATCH * drafts, -1), _uniforms(random, drafts)
            drawn = self._sample_phrase(*every_draft, sampling, np.repeat(openings, drafts, axis=0))
            kept = np.arange(BATCH) * drafts
            if drafts > 1:
                candidates = self.vocabulary.tokens(drawn).reshape(BATCH, drafts, PHRASE_STEPS)
                distances = np.zeros((BATCH, drafts))
                if profiles is not None:
                    told = [told_emotion(self.config, phrase.emotion) for phrase in phrases]
                    aims = [target(profiles, one, seed, piece) for one, piece in zip(told, pieces, strict=True)]
                    distances = profile_distances(candidates, np.stack(aims), profiles)
                if listener is not None:
                    distances = distances + listener.misses(candidates, [phrase.emotion for phrase in phrases])
                closes = number > 0 and number == len(plans[0]) - 1
                before = self._notes_before(kept_phrases, plans, number)
                kept = kept + choose(candidates, distances, close=closes, before=before)
            for row, phrase in enumerate(phrases):  # the kept draft's, for all drafts of the section's other phrases
                own = heard.reshape(BATCH * drafts, -1)[kept[row]]
                known[row].setdefault(phrase.section, _Opening(own, drawn[kept[row], :RETURNING_STEPS]))
            kept_phrases.append(drawn[kept])
        return np.concatenate(kept_phrases, axis=1)

    def _notes_before(
        self, so_far: Sequence[NDArray[np.int64]], plans: Sequence[Sequence[Phrase]], number: int
    ) -> NDArray[np.int64]:
        """Of melodies whose emotion changes with this phrase the pitch of the note before it, else NO_NOTE: [B]."""
        if not so_far:
            return np.full(len(plans), NO_NOTE)
        changes = [plan[number].emotion != plan[number - 1].emotion for plan in plans]
        return np.where(changes, edge_pitches(self.vocabulary.tokens(so_far[-1]), last=True), NO_NOTE)

    @cached_property
    def _listener(self) -> MelodyListener | None:
        """Who hears drafts. Raises InputError where it is another than the calibration was made with."""
        given = None if self.config.plane is None else self.config.plane.listener
        if given is None:
            return None
        model = MelodyModel.load(given.weights)
        if numbers_sha256(model.weights) != given.numbers_sha256:
            raise InputError(f"drafts of {self.config.name} are heard by other weights {given.weights} than those here")
        return MelodyListener(model, given.slopes)

    def _sample_phrase(
        self,
        conditions: NDArray[np.float32],
        uniforms: NDArray[np.float64],
        sampling: Sampling,
        openings: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Token indices of one phrase per row, [B, 64]; begins with `openings` [B, RETURNING_STEPS] but where _FREE."""
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
            if self.config.autoregressive:  # a hold with nothing to hold: silence has one way to be written
                logits = logits.copy()
                logits[(previous == nothing) | (previous == rest), hold] = -np.inf
            previous = draw(logits, uniforms[:, step], sampling)
            if step < RETURNING_STEPS:
                previous = np.where(openings[:, step] == _FREE, previous, openings[:, step])
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


class _Opening(NamedTuple):
    """What a section's other phrases take over from its first."""

    condition: NDArray[np.float32]
    """[L (+ 4)]"""
    tokens: NDArray[np.int64]
    """[RETURNING_STEPS] as indices."""


def _padded(wanted: Sequence[W]) -> list[W]:
    """The emotions of a batch, filled up to exactly BATCH."""
    return [*wanted, *[wanted[0]] * (BATCH - len(wanted))]


def _bars(wanted: Sequence[Wanted], bars: int | None) -> int:
    """The bars of melodies: those asked for, or of the paths, else 4. Raises InputError where they disagree."""
    found = {one.bars for one in wanted if isinstance(one, EmotionPath)} | (set() if bars is None else {bars})
    if len(found) > 1:
        lengths = " and ".join(map(str, sorted(found)))
        raise InputError(f"melodies of {lengths} bars: a path says how many there are, and all have as many")
    return found.pop() if found else PHRASE_BARS


def _uniforms(random: Sequence[np.random.Generator], drafts: int) -> NDArray[np.float64]:
    """What decides the tokens of one phrase's drafts, [B * drafts, 64]."""
    return np.concatenate([one.random((drafts, PHRASE_STEPS)) for one in random])


def _key_for(wanted: Wanted, name: str | None) -> Key:
    """The key to write in: what `name` says, in the mode that the emotion's valence asks for (default C).

    The corpus writes positive valence in major and negative in minor, and the models learnt that. A path keeps its
    tonic; its signature is that of its beginning.
    """
    if isinstance(wanted, EmotionPath):
        wanted = wanted.segments[0].emotion
    quadrant = wanted if isinstance(wanted, Quadrant) else wanted.quadrant
    is_minor = quadrant.valence_sign < 0
    return Key(0, is_minor) if name is None else parse_key(name, is_minor=is_minor)
