"""config.json of a piano model's weights."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from affetti.runtime.emotion_weights import EMOTIONS
from affetti.runtime.piano_profiles import Profile
from affetti.runtime.plane_calibration import PlaneCalibration
from affetti.runtime.stored import SamplingDefaults, Signature, Stored
from affetti.tokens.elements import BAR_BEAT, ELEMENTS, SIZES, TYPE

OTHERS = tuple(column for column in range(len(ELEMENTS)) if column != TYPE)
"""The columns of the elements that are drawn after the type, in order."""

MAX_DRAFTS = 16
"""More would choose between what the model does not differ in."""


class _Network(Stored):
    """What the runtime must know of a network; the rest of its configuration is kept for who builds it in torch."""

    model_config = ConfigDict(extra="allow")


class VqvaeSizes(_Network):
    """Of the VQ-VAE; the names are those of `affetti.muser.config.ModelConfig`."""

    latent: Literal["vq_regularised", "vq"]
    attention: Literal["linear", "decaying"]
    latent_block: int = Field(ge=1, le=256)
    codebook: Literal["shared", "per_element"]
    codes: int = Field(ge=2, le=65_536)
    decoder_layers: int = Field(ge=1, le=64)
    decoder_width: int = Field(ge=2, le=4096)
    element_layers: int = Field(ge=1, le=64)
    heads: int = Field(ge=1, le=64)
    latent_into_decoder: Literal["cross", "concatenate"]
    decoding: Literal["two_level", "global", "element"]
    emotion_input: Literal["start", "every_step"]

    @property
    def codebooks(self) -> int:
        """How many codes say a latent vector."""
        return len(ELEMENTS) if self.codebook == "per_element" else 1

    @property
    def latent_size(self) -> int:
        """Numbers of a latent vector."""
        return len(ELEMENTS) * self.latent_block

    @property
    def has_memory(self) -> bool:
        """Whether the decoder attends to the whole sequence of latents."""
        return self.decoding != "element" and self.latent_into_decoder == "cross"


class PriorSizes(_Network):
    """Of the prior; the names are those of `affetti.muser.config.PriorConfig`."""

    attention: Literal["linear", "decaying"]
    layers: int = Field(ge=1, le=64)
    width: int = Field(ge=2, le=4096)
    heads: int = Field(ge=1, le=64)
    emotion_input: Literal["start", "every_step"]


class PianoModelConfig(Stored):
    """config.json of a piano model's weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")
    system: Literal["muser"]
    preset: str = Field(max_length=200)
    licence: str = Field(max_length=200)
    trained_on: tuple[str, ...] = Field(max_length=20)
    """The corpora, in the order in which they were learned from."""
    is_test_model: bool
    """Whether these weights only serve tests: what they compose is not music."""
    model: VqvaeSizes
    prior: PriorSizes
    composes_in_c: bool
    """Whether the prior has learned C major and A minor alone; what it composes is then moved to a key that the seed
    decides."""
    profiles: tuple[Profile, Profile, Profile, Profile] | None = None
    """Of the training pieces of Q1 to Q4: what drafts are to come near to; None: nothing."""
    plane: PlaneCalibration | None = None
    """What to tell the networks for a point of the plane; None: the point itself."""
    bar_shares: tuple[float, ...]
    """[K]: of the words that a code stood for in training, the share that began a bar. With a codebook for each
    element the codes are those of the bar-beat."""
    codes: SamplingDefaults
    """How the prior's codes are drawn."""
    elements: tuple[SamplingDefaults, ...] = Field(min_length=len(ELEMENTS), max_length=len(ELEMENTS))
    """How each element is drawn."""
    fullness: float = Field(0.0, ge=-5, le=5)
    """See `Codebook.fullness`."""
    repetition_penalty: float = Field(0.0, ge=-5, le=5)
    """See `Codebook.repetition_penalty`."""
    strength: float = Field(ge=0, le=10)
    """How strongly the emotion is asked for, see `PianoSampling`."""
    drafts: int = Field(ge=1, le=MAX_DRAFTS)
    """Pieces composed for each that is kept, see `piano_drafts`."""

    @property
    def bar_book(self) -> int:
        """The codebook that `bar_shares` is about."""
        return BAR_BEAT if self.model.codebooks > 1 else 0

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that these weights have."""
        books = tuple(f"prior_book_{book}" for book in range(1, self.model.codebooks))
        prepare = ("decoder_prepare",) if self.model.has_memory else ()
        return ("encoder", "prior_step", *books, *prepare, "decoder_type_step", "decoder_element_step")

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if len(self.bar_shares) != self.model.codes or not all(0 <= share <= 1 for share in self.bar_shares):
            raise ValueError(f"bar_shares are not {self.model.codes} shares")
        if self.model.decoder_width % self.model.heads or self.prior.width % self.prior.heads:
            raise ValueError("a width does not divide into its heads")
        return self

    def signature(self, graph: str) -> Signature:
        """What goes into a graph and comes out of it."""
        model, words = self.model, len(ELEMENTS)
        latents, hidden = [model.latent_size], [model.decoder_width]
        if graph == "encoder":
            return Signature({"words": ["S", words], "mask": ["S"]}, {"codes": ["S", model.codebooks]})
        if graph == "prior_step":
            inputs = {"previous": [model.codebooks], "position": [], "emotions": [EMOTIONS]}
            outputs = {"logits": [model.codes + 1], "hidden": [self.prior.width]}
            states = _states("state", self.prior.layers, self.prior.width, self.prior.heads)
            return _with_states(inputs, outputs, states)
        if graph.startswith("prior_book_"):
            inputs = {"hidden": [self.prior.width], "chosen": [int(graph.removeprefix("prior_book_"))]}
            return Signature(inputs, {"logits": [model.codes]})
        memories = self._states("memory", model.decoder_layers) if model.has_memory else {}
        if graph == "decoder_prepare":
            return Signature({"latents": ["S", *latents], "mask": ["S"]}, memories)
        if graph == "decoder_type_step":
            inputs = {"previous": [words], "position": [], "emotions": [EMOTIONS], "latent": latents}
            states = {}
            if model.decoding != "element":
                states |= self._states("global_state", model.decoder_layers)
            if model.decoding != "global":
                states |= self._states("type_state", model.element_layers)
            return _with_states({**inputs, **memories}, {"logits": [SIZES[TYPE]], "hidden": hidden}, states)
        outputs = {f"{ELEMENTS[column].name}_logits": [SIZES[column]] for column in OTHERS}
        inputs, states = {"hidden": hidden, "types": []}, {}
        if model.decoding != "global":
            inputs["latent"] = latents
            for column in OTHERS:
                states |= self._states(f"{ELEMENTS[column].name}_state", model.element_layers)
        return _with_states(inputs, outputs, states)

    def _states(self, name: str, layers: int) -> dict[str, list[Any]]:
        return _states(name, layers, self.model.decoder_width, self.model.heads)


def _states(name: str, layers: int, width: int, heads: int) -> dict[str, list[Any]]:
    head = width // heads
    return {f"{name}_{layer}": [heads, head, head + 1] for layer in range(layers)}


def _with_states(
    inputs: dict[str, list[Any]], outputs: dict[str, list[Any]], states: dict[str, list[Any]]
) -> Signature:
    """With states that go in under their names and come out as what is next."""
    return Signature({**inputs, **states}, {**outputs, **{f"next_{name}": shape for name, shape in states.items()}})
