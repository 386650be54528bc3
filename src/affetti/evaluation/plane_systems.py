"""The two systems as what measures and fits the plane of emotion needs them: to compose anywhere in it, and to listen.

Each system has two pairs of ears. With the first a calibration is fitted and drafts are chosen; with the second figures
are reported, and nothing else is done with it.

Shapes: N pieces, S stretches of a piece.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np

from affetti.analysis.features import FEATURE_NAMES, piece_features
from affetti.emotion import Emotion
from affetti.errors import InputError
from affetti.evaluation.piano_emotion import EVALUATION_WEIGHTS
from affetti.runtime.emotion_path import EmotionPath
from affetti.runtime.melody_listener import MelodyListener
from affetti.runtime.melody_model import MelodyModel
from affetti.runtime.piano_drafts import CHOOSER
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.plane_calibration import Listener, PlaneCalibration
from affetti.runtime.recogniser import expected_emotions, load_recogniser
from affetti.runtime.weights import READER_WEIGHTS, numbers_sha256
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, piece_of, read_words
from affetti.tokens.elements import Reals
from affetti.tokens.excerpts import excerpt
from affetti.tokens.melody import PHRASE_BARS, PHRASE_STEPS, Tokens

Ear = Literal["choosing", "reporting"]
Advance = Callable[[float], None]

PLACER_WEIGHTS = "emoreg_autoregressive"
"""The shipped weights whose encoder places melodies in the plane while a calibration is fitted."""


class PlaneSystem(Protocol):
    """A model that composes anywhere in the plane, and ears for it."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def model(self) -> PianoModel | MelodyModel:
        """What composes."""
        ...

    @property
    def bars(self) -> int:
        """Of a piece with one emotion, and of a segment of a path."""
        ...

    @property
    def farthest(self) -> float:
        """How far out of the plane, whose edge is at 1, a condition may go."""
        ...

    @property
    def fitting_pieces(self) -> int:
        """Pieces that are listened to to fit a calibration."""
        ...

    @property
    def ears(self) -> dict[Ear, str]:
        """The names and versions of the ears."""
        ...

    @property
    def listener(self) -> Listener | None:
        """Who is to choose among the drafts of what is calibrated, where that is not said elsewhere."""
        ...

    def calibrated(self, plane: PlaneCalibration | None) -> "PlaneSystem":
        """The same system told by another calibration, or by none."""
        ...

    def compose(
        self, wanted: Sequence[Emotion] | Sequence[EmotionPath], seed: int, advance: Advance, *, chosen: bool
    ) -> list[Any]:
        """A piece for each point or path; with the system's own drafts, or the first draft of each.

        advance: called with how many pieces were finished since the last time, in fractions.
        """
        ...

    def hear(self, pieces: Sequence[Any], ear: Ear) -> Reals:
        """[N, S, 2] valence and arousal of every stretch of `bars` bars; NaN where there is nothing to hear."""
        ...


@dataclass(frozen=True)
class PianoOnPlane:
    """Piano pieces, and the two recognisers that are not the users'."""

    name: str
    model: PianoModel
    bars: int = 8
    farthest: float = 2.0
    fitting_pieces: int = 512

    @property
    def ears(self) -> dict[Ear, str]:
        """See `PlaneSystem`."""
        return {ear: f"{weights} {load_recogniser(weights).weights_hash[:12]}" for ear, weights in _RECOGNISERS.items()}

    @property
    def listener(self) -> None:
        """See `PlaneSystem`."""

    def calibrated(self, plane: PlaneCalibration | None) -> "PianoOnPlane":
        """See `PlaneSystem`."""
        config = self.model.config.model_copy(update={"plane": plane})
        model = PianoModel(replace(self.model.weights, config=config), self.model.steps, backend=self.model.backend)
        return replace(self, model=model)

    def compose(
        self, wanted: Sequence[Emotion] | Sequence[EmotionPath], seed: int, advance: Advance, *, chosen: bool
    ) -> list[GridMusic]:
        """See `PlaneSystem`."""
        bars = None if any(isinstance(one, EmotionPath) for one in wanted) else self.bars
        drafts = self.model.config.drafts if chosen else 1
        words = self.model.sample_words(wanted, bars=bars, seed=seed, drafts=drafts, form="song", progress=advance)
        return [read_words(one) for one in words]

    def hear(self, pieces: Sequence[GridMusic], ear: Ear) -> Reals:
        """See `PlaneSystem`."""
        recogniser = load_recogniser(_RECOGNISERS[ear])
        heard = []
        for one in pieces:
            starts = range(0, len(one.bar_steps), self.bars)
            parts = [excerpt(one, first, min(self.bars, len(one.bar_steps) - first)) for first in starts]
            heard.append([_heard(part) for part in parts])
        features = np.asarray(heard, np.float64)
        probabilities = recogniser.quadrant_probabilities(np.nan_to_num(features).reshape(-1, features.shape[-1]))
        points = np.asarray([(one.valence, one.arousal) for one in expected_emotions(probabilities)])
        silent = np.isnan(features).any(axis=-1, keepdims=True)
        return np.where(silent, np.nan, points.reshape(*features.shape[:2], 2))


_RECOGNISERS: dict[Ear, str] = {"choosing": CHOOSER, "reporting": EVALUATION_WEIGHTS}


def _heard(music: GridMusic) -> Reals:
    """The features of a stretch, NaN where it is too little to be heard."""
    try:
        return piece_features(piece_of(music, TICKS_PER_STEP))
    except InputError:
        return np.full(len(FEATURE_NAMES), np.nan)


@dataclass(frozen=True)
class MelodyOnPlane:
    """Melodies, and two models that place them in the plane without having been told a label."""

    name: str
    model: MelodyModel
    bars: int = PHRASE_BARS
    farthest: float = 1.5
    fitting_pieces: int = 2048

    @property
    def ears(self) -> dict[Ear, str]:
        """See `PlaneSystem`."""
        names: dict[Ear, str] = {"choosing": PLACER_WEIGHTS, "reporting": READER_WEIGHTS}
        return {ear: f"{weights} {MelodyModel.load(weights).weights_hash[:12]}" for ear, weights in names.items()}

    @property
    def listener(self) -> Listener:
        """See `PlaneSystem`."""
        digest = numbers_sha256(MelodyModel.load(PLACER_WEIGHTS).weights)
        return Listener(weights=PLACER_WEIGHTS, numbers_sha256=digest, slopes=placer_slopes())

    def calibrated(self, plane: PlaneCalibration | None) -> "MelodyOnPlane":
        """See `PlaneSystem`."""
        config = self.model.config.model_copy(update={"plane": plane})
        return replace(self, model=MelodyModel(replace(self.model.weights, config=config)))

    def compose(
        self, wanted: Sequence[Emotion] | Sequence[EmotionPath], seed: int, advance: Advance, *, chosen: bool
    ) -> list[Tokens]:
        """See `PlaneSystem`. Without choosing one draft of each phrase is drawn."""
        model = self.model
        if not chosen:
            plane = model.config.plane
            deaf = None if plane is None else plane.model_copy(update={"listener": None})
            config = model.config.model_copy(update={"profiles": None, "plane": deaf})
            model = MelodyModel(replace(model.weights, config=config))
        return list(model.sample_tokens(wanted, seed=seed, progress=advance))

    def hear(self, pieces: Sequence[Tokens], ear: Ear) -> Reals:
        """See `PlaneSystem`."""
        tokens = np.stack(pieces)
        phrases = tokens.reshape(-1, PHRASE_STEPS)
        if ear == "choosing":
            heard = MelodyListener(MelodyModel.load(PLACER_WEIGHTS), placer_slopes()).heard(phrases)
        else:
            reader = MelodyModel.load(READER_WEIGHTS)
            assert reader.config.reading_slope is not None
            heard = MelodyListener(reader, reader.config.reading_slope).heard(phrases)
        return heard.reshape(len(tokens), -1, 2)


@cache
def placer_slopes() -> tuple[float, float]:
    """Log-odds of positive valence and of high arousal per unit of the placer's latent position.

    The reader's own, which were fitted on melodies held out, in units of how far each of the two reaches: on the
    melodies that it was trained on the placer is far too sure.
    """
    reader, placer = (MelodyModel.load(weights).config for weights in (READER_WEIGHTS, PLACER_WEIGHTS))
    assert reader.reading_slope is not None
    valence, arousal = np.asarray(reader.reading_slope) * reader.axis_reach / placer.axis_reach
    return round(float(valence), 4), round(float(arousal), 4)


def plane_system(name: str, model: object) -> PlaneSystem:
    """What composes and listens for a loaded model. Raises InputError for one that composes nothing."""
    if isinstance(model, PianoModel):
        return PianoOnPlane(name, model)
    if isinstance(model, MelodyModel):
        return MelodyOnPlane(name, model)
    raise InputError(f"{name} composes nothing")
