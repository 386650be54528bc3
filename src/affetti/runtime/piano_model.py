"""A trained piano model at run time: composes whole piano pieces, without torch unless it is asked to use it.

How a piece comes about is told in `piano_sampling`; what it then becomes in `piano_form`.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import parse_key
from affetti.analysis.metrical_grid import MAX_BARS
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.runtime.emotion_path import EmotionPath, Wanted, wanted_of
from affetti.runtime.emotion_weights import Conditions
from affetti.runtime.limits import check_seed, checked_tempo
from affetti.runtime.piano_config import MAX_DRAFTS, PianoModelConfig
from affetti.runtime.piano_drafts import Target, chooser_sha256, chosen
from affetti.runtime.piano_form import finished_piece
from affetti.runtime.piano_phrases import FEWEST_BARS_TO_CLOSE, MOST_BARS, Form
from affetti.runtime.piano_sampling import Codebook, Request, Seed, in_key_of, sample_words, write_words
from affetti.runtime.piano_steps import PianoSteps, Sessions
from affetti.runtime.provenance import PianoProvenance, asked_for, told_of
from affetti.runtime.sampling import PianoSampling, Sampling
from affetti.runtime.weights import PianoWeights, find_weights
from affetti.tokens.elements import ELEMENTS, Integers, tempo_values
from affetti.tokens.grammar import Words

BATCH = 64
"""Pieces composed together at most: more are no faster. What a piece is does not depend on it."""

Backend = Literal["onnx", "torch"]


class ComposingCancelledError(Exception):
    """Composing was stopped by the `cancelled` that was given to it."""


class PianoModel:
    """Shipped or user-trained weights of the piano system, ready to compose.

    steps: the networks; by default ONNX Runtime's.
    """

    def __init__(self, weights: PianoWeights, steps: PianoSteps | None = None, *, backend: Backend = "onnx") -> None:
        self.weights, self.backend = weights, backend
        self.sessions = Sessions(weights)
        self.steps: PianoSteps = self.sessions if steps is None else steps

    @classmethod
    def load(cls, name: str | Path) -> "PianoModel":
        """The model of a system name, shipped weights or a weights folder. Raises InputError where there is none."""
        weights = find_weights(name)
        if not isinstance(weights, PianoWeights):
            raise InputError(f"{weights.folder}: weights of {weights.config.system}, which composes no piano pieces")
        return cls(weights)

    @property
    def config(self) -> PianoModelConfig:
        """What the weights say of themselves."""
        return self.weights.config

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, hexadecimal."""
        return self.weights.sha256

    @cached_property
    def codebook(self) -> Codebook:
        """The latents that codes stand for. Raises InputError for a damaged folder."""
        model = self.config.model
        stored = self.weights.tensor("vqvae.quantizer.codebook")
        if stored.shape != (model.codebooks, model.codes, model.latent_size // model.codebooks):
            raise InputError(f"{self.weights.folder}: not the codebook that config.json describes")
        config = self.config
        return Codebook(
            stored.astype(np.float32),
            np.asarray(config.bar_shares),
            config.bar_book,
            config.fullness,
            config.repetition_penalty,
        )

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
        strength: float | None = None,
        drafts: int | None = None,
        form: Form = "song",
        elements: Mapping[str, Sampling] | None = None,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Piece:
        """One piece with an emotion: a name or quadrant, a point of valence and arousal (-1 to 1), or a path of them.

        path: how the emotion changes along the piece, as "calm:8,tense:8" or the name of a .csv file (see
        `emotion_path`); it says how many bars the piece has. bars: exactly so many (1 to 2,000); default: as many as
        the model finds right. tempo: quarters per minute for the whole piece; key: for example "D" or "D minor" (see
        `piano_form.finished_piece`); both default to what the model writes. temperature, nucleus: of the prior's codes;
        strength: how strongly the emotion is asked for (1: as trained); drafts: how often the piece is composed until
        one is heard as asked (1 to 16, see `piano_drafts`); form: whether a piece of a given number of bars, without a
        path, is a song, whose phrases return from 16 bars on and which a chord closes (from 4), or free; elements: how
        values of an element are drawn, and its codes where it has a codebook of its own, by its name, for example
        {"velocity": Sampling(2.0)}; greedy: always the likeliest, in one draft. What is not given is as the weights
        say. Raises InputError for anything out of range.
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
            strength=strength,
            drafts=drafts,
            form=form,
            elements=elements,
            progress=progress,
            cancelled=cancelled,
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
        strength: float | None = None,
        drafts: int | None = None,
        form: Form = "song",
        elements: Mapping[str, Sampling] | None = None,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Piece]:
        """As `compose`, `count` different pieces; the first is the one that `compose` returns.

        progress: called often with how many pieces were finished since the last time, in fractions. cancelled: asked
        often; when it says yes ComposingCancelledError is raised.
        """
        if count < 1:
            raise InputError(f"count is {count}; it must be at least 1")
        wanted = wanted_of(emotion, valence, arousal, path)
        sampling = self.sampling(temperature, nucleus, greedy=greedy, strength=strength, elements=elements)
        draws = (sampling.codes, *sampling.elements)
        drafts = self._drafts(drafts, greedy=greedy)
        provenance = PianoProvenance(
            system=self.config.system,
            weights=self.config.name,
            weights_sha256=self.weights_hash,
            licence=self.config.licence,
            backend=self.backend,
            seed=operator.index(seed),  # a plain integer, which JSON can store
            piece=0,
            **told_of(wanted),
            bars=None if bars is None else operator.index(bars),
            quarters_per_minute=None if tempo is None else float(tempo),
            key=None if key is None else key.strip(),
            temperatures=tuple(one.temperature for one in draws),
            nuclei=tuple(one.nucleus for one in draws),
            greedy=sampling.codes.greedy,
            strength=sampling.strength,
            drafts=drafts,
            chooser_sha256=chooser_sha256(drafts),
            form=form,
        )
        return self._composed([replace(provenance, piece=piece) for piece in range(count)], progress, cancelled)

    def compose_again(self, provenance: PianoProvenance) -> Piece:
        """The piece that a provenance describes. Raises InputError for values out of range."""
        # What a file says of its own making decides the music; what it says of these weights they say themselves.
        provenance = replace(
            provenance,
            system=self.config.system,
            weights=self.config.name,
            weights_sha256=self.weights_hash,
            licence=self.config.licence,
            chooser_sha256=chooser_sha256(provenance.drafts),
            backend=self.backend,
        )
        return self._composed([provenance], None, None)[0]

    def sampling(
        self,
        temperature: float | None = None,
        nucleus: float | None = None,
        *,
        greedy: bool = False,
        strength: float | None = None,
        elements: Mapping[str, Sampling] | None = None,
    ) -> PianoSampling:
        """The weights' own sampling with what the caller chose instead."""
        if greedy and (temperature is not None or nucleus is not None or elements):
            raise InputError("greedy leaves nothing to draw: use it without temperature and nucleus")
        own = self.config.codes
        chosen = dict(elements or {})
        if any(one.greedy for one in chosen.values()):
            raise InputError("greedy is for all elements at once")
        draws = [
            chosen.get(element.name) or Sampling(stored.temperature, stored.nucleus, greedy)
            for element, stored in zip(ELEMENTS, self.config.elements, strict=True)
        ]
        names = [element.name for element in ELEMENTS]
        if unknown := [name for name in chosen if name not in names]:
            raise InputError(f"unknown element {unknown[0][:40]!r}; use {', '.join(names)}")
        codes = Sampling(
            own.temperature if temperature is None else temperature, own.nucleus if nucleus is None else nucleus, greedy
        )
        return PianoSampling(codes, tuple(draws), self.config.strength if strength is None else strength)

    def _drafts(self, drafts: int | None, *, greedy: bool) -> int:
        """How many drafts are composed of each piece; greedily all would be the same."""
        if drafts is None:
            return 1 if greedy else self.config.drafts
        if greedy and drafts != 1:
            raise InputError("greedy leaves nothing to draw: use it without drafts")
        return operator.index(drafts)

    def sample_words(
        self,
        wanted: Sequence[Wanted],
        *,
        bars: int | None = None,
        seed: int = 0,
        tempo: float | None = None,
        sampling: PianoSampling | None = None,
        drafts: int = 1,
        form: Form = "free",
        first_piece: int = 0,
        progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Words]:
        """The words [T, 7] of one piece for each emotion wanted, as drawn: in any key, `tempo` rounded to the table's.

        Paths are of the same number of bars, which `bars` need not say, and nothing else is wanted beside them.
        Piece n depends on its emotion, the options, `seed` and its number `first_piece` + n, and on nothing else.
        """
        if not 1 <= drafts <= MAX_DRAFTS:
            raise InputError(f"{drafts} drafts: a piece has 1 to {MAX_DRAFTS}")
        if bars is not None and not 1 <= bars <= MAX_BARS:
            raise InputError(f"{bars} bars: a piece has 1 to {MAX_BARS:,}")
        bars = self._bars(wanted, bars)
        check_seed(seed)
        tempo_value = None if tempo is None else int(tempo_values(np.asarray([checked_tempo(tempo)]))[0])
        paths = any(isinstance(one, EmotionPath) for one in wanted)
        song_form = form == "song" and FEWEST_BARS_TO_CLOSE <= (bars or 0) <= MOST_BARS and not paths
        request = Request(sampling or self.sampling(), bars, tempo_value, song_form)
        words: list[Words] = []
        at_once = BATCH // drafts
        for start in range(0, len(wanted), at_once):
            batch = wanted[start : start + at_once]
            seeds = [
                Seed(seed, first_piece + start + row, draft) for row in range(len(batch)) for draft in range(drafts)
            ]
            watch = _Watch(len(batch), progress, cancelled)
            conditions = Conditions.of_wanted([one for one in batch for _ in range(drafts)], self.config.plane)
            drawn = sample_words(self.steps, self.codebook, request, conditions, seeds, watch)
            if self.config.composes_in_c:
                drawn = [in_key_of(one_seed, one) for one_seed, one in zip(seeds, drawn, strict=True)]
            for row, one in enumerate(batch):
                of_piece = drawn[row * drafts : (row + 1) * drafts]
                target = self._target(seeds[row * drafts], one)
                words.append(chosen(of_piece, one, closes=song_form or target is None, target=target))
            watch(1.0)
        return words

    def _target(self, seed: Seed, wanted: Wanted) -> Target | None:
        """What a piece is to be like beside its emotion; nothing for a point of the plane or a path."""
        if self.config.profiles is None or not isinstance(wanted, Quadrant):
            return None
        profile = self.config.profiles[wanted - 1]
        return Target(profile, profile.target(seed.shared(1)))

    def _bars(self, wanted: Sequence[Wanted], bars: int | None) -> int | None:
        """The bars that pieces have: those asked for, or those of the paths. Raises InputError where they disagree."""
        paths = [one for one in wanted if isinstance(one, EmotionPath)]
        if not paths:
            return bars
        if "start" in (self.config.prior.emotion_input, self.config.model.emotion_input):
            raise InputError(f"{self.config.name} is told the emotion once, at the start: it follows no path")
        if len(paths) < len(wanted) or len({path.bars for path in paths}) > 1:
            raise InputError("pieces with paths are composed together where all are of the same number of bars")
        if bars not in (None, paths[0].bars):
            raise InputError(f"{bars} bars, but the path has {paths[0].bars}: leave out the one or change the other")
        return paths[0].bars

    def _composed(
        self,
        provenances: list[PianoProvenance],
        progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> list[Piece]:
        """The pieces that provenances describe which differ in nothing but consecutive piece numbers."""
        asked = provenances[0]
        if not 0 <= asked.piece < 1_000_000:
            raise InputError("the provenance in this file is damaged: piece number out of range")
        if {len(asked.temperatures), len(asked.nuclei)} != {1 + len(ELEMENTS)}:
            raise InputError("the provenance in this file is damaged: not one temperature and nucleus for each element")
        wanted = asked_for(asked)
        if asked.key is not None:
            parse_key(asked.key)  # a key that is none is found out before the piece is composed
        codes, *elements = (Sampling(*one, asked.greedy) for one in zip(asked.temperatures, asked.nuclei, strict=True))
        words = self.sample_words(
            [wanted] * len(provenances),
            bars=asked.bars,
            seed=asked.seed,
            tempo=asked.quarters_per_minute,
            sampling=PianoSampling(codes, tuple(elements), asked.strength),
            drafts=asked.drafts,
            form=asked.form,
            first_piece=asked.piece,
            progress=progress,
            cancelled=cancelled,
        )
        pieces = (finished_piece(one, key=asked.key, quarters_per_minute=asked.quarters_per_minute) for one in words)
        return [piece.with_marker(one.to_json()) for piece, one in zip(pieces, provenances, strict=True)]

    # ---- from words to codes and back ----

    def codes(self, words: NDArray[np.integer]) -> Integers:
        """The codes [T, G] of a piece's words [T, 7], the end word among them."""
        given, mask = np.asarray(words, np.int64)[None], np.ones((1, len(words)), np.float32)
        (codes,) = self.sessions.encoder.run(["codes"], {"words": given, "mask": mask})
        return np.asarray(codes[0], np.int64)

    def write(
        self,
        codes: Sequence[Integers],
        quadrants: Sequence[Quadrant | None],
        *,
        sampling: PianoSampling | None = None,
        seed: int = 0,
    ) -> list[Words]:
        """The words [T, 7] that the decoder makes of each piece's codes [T, G], for a quadrant or for none.

        A piece has as many words as codes, unless the decoder ends it before or the grammar asks for a few more.
        """
        request = Request(sampling or self.sampling())
        words: list[Words] = []
        for start in range(0, len(codes), BATCH):
            some = slice(start, start + BATCH)
            emotions = [0 if quadrant is None else int(quadrant) for quadrant in quadrants[some]]
            seeds = [Seed(seed, start + row) for row in range(len(emotions))]
            watch = _Watch(len(emotions), None, None)
            words += write_words(self.steps, self.codebook, request, codes[some], emotions, seeds, watch)
        return words


class _Watch:
    """Turns how much of a batch is done into calls of `progress`, and asks `cancelled`."""

    def __init__(
        self, pieces: int, progress: Callable[[float], None] | None, cancelled: Callable[[], bool] | None
    ) -> None:
        self.pieces, self.progress, self.cancelled, self.done = pieces, progress, cancelled, 0.0

    def __call__(self, done: float) -> None:
        if self.cancelled is not None and self.cancelled():
            raise ComposingCancelledError
        if self.progress is not None and done > self.done:
            self.progress((done - self.done) * self.pieces)
            self.done = done
