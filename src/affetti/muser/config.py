"""Configuration and named presets of the piano system.

"Paper" is Ji and Yang, "MusER: Musical Element-Based Regularization for Generating Symbolic Music with Emotion", AAAI
2024 (arXiv 2312.10307), in its published configuration. Where it is silent the value's reason stands beside it. Every
ablation of the paper is a field of ModelConfig.
"""

from collections.abc import Callable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from affetti.layers.transformer import AttentionKind
from affetti.muser.augmentation import Transposition
from affetti.runtime.piano_config import MAX_DRAFTS
from affetti.tokens.elements import ELEMENTS, PITCH, SIZES
from affetti.training.optimizers import OptimizerKind


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _divides(width: int, heads: int, name: str) -> None:
    if width % heads or width % 2:
        raise ValueError(f"{name} must be even and a multiple of the number of heads ({heads}), not {width}")


class ModelConfig(_Config):
    """What the VQ-VAE is: everything needed to build it, stored with its weights."""

    embedding_sizes: tuple[int, ...] = (128, 256, 64, 32, 512, 128, 128)
    """Width of each element's embedding, in the order of ELEMENTS (paper)."""
    emotion_embedding_size: int = Field(128, ge=1)
    encoder_layers: int = Field(8, ge=1, le=64)
    encoder_width: int = Field(128, ge=2, le=4096)
    decoder_layers: int = Field(4, ge=1, le=64)
    """Layers of the global decoder (paper: 4); unused where `decoding` is element."""
    decoder_width: int = Field(256, ge=2, le=4096)
    """Width of the global decoder and of the element decoders (paper: 256)."""
    element_layers: int = Field(2, ge=1, le=64)
    """Layers of each of the seven element decoders (paper: 2); unused where `decoding` is global."""
    heads: int = Field(8, ge=1, le=64)
    feed_forward_ratio: int = Field(4, ge=1, le=16)
    """Width between the two linear maps of a layer, in widths of the layer. The usual 4 gives the published numbers
    of parameters for every part: encoder 1.6 M, global decoder 4.2 M, element decoders 11 M."""
    norm_first: bool = False
    """Normalise before the parts of a layer, or after their sum (paper)."""
    dropout: float = Field(0.1, ge=0, lt=1)
    attention: AttentionKind = "linear"
    """Linear attention (paper), with which composing a word costs the same at any length; the same with heads that
    forget where it is causal, which needs positions only in the encoder and to find latents by; or exact attention."""
    emotion_input: Literal["start", "every_step"] = "start"
    """Whether the decoder is told the emotion with the first word only (paper) or with every word."""
    latent_block: int = Field(16, ge=1, le=256)
    """Latent numbers of an element at a step (paper: 16); seven of these are the latent vector of a word."""
    latent: Literal["vq_regularised", "vq", "vae"] = "vq_regularised"
    """Codes tied to the elements (paper), codes alone, or a Gaussian per step (its ablations)."""
    codebook: Literal["shared", "per_element"] = "shared"
    """One code for a whole latent vector (paper), or one for each element's block, whose code 0 is that of words in
    which the element says nothing."""
    codes: int = Field(512, ge=2, le=65_536)
    """Codes of a codebook (paper: 512); an element's own has no more than the element has values."""
    codebook_decay: float = Field(0.99, gt=0, lt=1)
    dead_code_share: float = Field(0.03, ge=0, lt=1)
    """Codes used less than this share of the average are moved to where vectors are served worst. The paper does not
    say that it moves any. After 500 steps of a small network on EMOPIA, moving none leaves a perplexity of 25 codes
    of 512 and a held-out loss of 0.60; with 0.03 these are 200 and 0.36, with 0.2 216 and 0.36."""
    block_reduction: Literal["transformer", "mean", "learned"] = "transformer"
    """How the regulariser makes one number of an element's block: a Transformer over the whole sequence (paper), the
    mean (its ablation), or a learned sum at each step (ours, for sequences of any length)."""
    reducer_layers: int = Field(4, ge=1, le=64)
    reducer_width: int = Field(1024, ge=2, le=8192)
    """Words that the Transformer reduction takes at most, which is its width (paper: 1,024)."""
    latent_into_decoder: Literal["cross", "concatenate"] = "cross"
    """How latents reach the global decoder: attention to the whole sequence (paper) or each with its word's input."""
    decoding: Literal["two_level", "global", "element"] = "two_level"
    """Global and element decoders (paper), or only one of the two (its ablations)."""

    @property
    def latent_size(self) -> int:
        """Numbers of a latent vector."""
        return len(ELEMENTS) * self.latent_block

    @property
    def codebooks(self) -> int:
        """How many codes say a latent vector."""
        return len(ELEMENTS) if self.codebook == "per_element" else 1

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """How many codes each codebook uses."""
        return tuple(min(self.codes, size) for size in SIZES) if self.codebook == "per_element" else (self.codes,)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.embedding_sizes) != len(ELEMENTS) or min(self.embedding_sizes) < 1:
            raise ValueError(f"embedding_sizes must be {len(ELEMENTS)} positive widths, one for each element")
        _divides(self.encoder_width, self.heads, "encoder_width")
        _divides(self.decoder_width, self.heads, "decoder_width")
        if self.latent == "vq_regularised" and self.block_reduction == "transformer":
            _divides(self.reducer_width, self.heads, "reducer_width")
        if self.decoding == "element" and self.latent_into_decoder == "concatenate":
            raise ValueError("without a global decoder each element decoder sees its own block; nothing to concatenate")
        if self.latent == "vae" and self.codebook == "per_element":
            raise ValueError("a VAE has no codes, so no codebook for each element")
        return self


class PriorConfig(_Config):
    """What the prior is, the network that composes codes."""

    layers: int = Field(8, ge=1, le=64)
    width: int = Field(256, ge=2, le=4096)
    heads: int = Field(8, ge=1, le=64)
    feed_forward_ratio: int = Field(4, ge=1, le=16)
    """As in ModelConfig; the usual 4 gives the published 6.6 M parameters."""
    norm_first: bool = False
    dropout: float = Field(0.1, ge=0, lt=1)
    attention: AttentionKind = "linear"
    emotion_input: Literal["start", "every_step"] = "start"
    """Whether the emotion is the first token only (paper) or also added to every code."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _divides(self.width, self.heads, "width")
        return self


class TrainingConfig(_Config):
    """How one of the two networks is trained."""

    learning_rate: float = Field(1e-4, gt=0)
    optimizer: OptimizerKind = "adamw"
    """Adam (paper), or Muon for the matrices of Transformers."""
    weight_decay: float = Field(0.0, ge=0)
    """Of AdamW, which without it is the paper's Adam, and of Muon."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Whether the learning rate stays (paper), or falls along a half cosine to 0 at the last epoch."""
    warmup_steps: int = Field(0, ge=0)
    """Optimizer steps in which the learning rate rises to its value."""
    epochs: int = Field(300, ge=1)
    max_words: int = Field(1024, ge=16)
    """Words of a piece at most, the end word among them (paper: 1,024). Of a longer one each epoch takes an excerpt
    that begins and ends at bar lines."""
    batch_pieces: int = Field(16, ge=2)
    """Pieces of an optimizer step at most. At least two, as the regulariser compares pieces."""
    batch_words: int = Field(16_384, ge=32)
    """Words of an optimizer step at most, with the padding up to its longest piece."""
    accumulation: int = Field(1, ge=1)
    """Parts that a batch is computed in, one after another; the regulariser compares pieces within a part, and codes
    move with each."""
    gradient_clip: float = Field(3.0, gt=0)
    """Greatest norm of the gradient."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of matrix products in training (autocast); parameters, codes and sums stay float32."""
    keeps_activations: bool = True
    """False computes each layer again on the way back: a third more work, a fraction of the memory."""
    weight_average: float = Field(0.0, ge=0, lt=1)
    """Decay of a moving average of the weights, which is what is exported; 0 for none."""
    transposition: Transposition = "none"
    """Whether pieces are moved by -5 to +6 semitones at random, or to C major and A minor."""
    tempo_shift: int = Field(0, ge=0, le=2)
    """Greatest number of tempo values (3.7 % each) by which a piece is made faster or slower at random; more than two
    would not leave the arousal label honest."""
    label_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of labelled pieces whose emotion is not told, so that the network also works without one."""
    patience: int = Field(0, ge=0)
    """Epochs without a better validation loss after which training ends; 0: never."""
    checkpoint_every: int = Field(1, ge=1)
    """Epochs between checkpoints: what a killed run loses at most."""
    threads: int = Field(0, ge=0)
    """CPU threads, 0 for all; part of the recipe because another number may round differently."""

    @model_validator(mode="after")
    def _two_longest_pieces_fit(self) -> Self:
        if self.batch_words < 2 * self.max_words:
            raise ValueError(f"batch_words must hold two pieces of max_words, {2 * self.max_words:,}")
        return self


class VqvaeTrainingConfig(TrainingConfig):
    """How the VQ-VAE is trained: loss = mean of the elements' cross-entropies + the weighted terms below."""

    balanced: bool = False
    """Whether the words in which an element says something count as much together as those in which it does not, or
    every word alike (paper): then the tempo, which one word in 25 has, is never learned by codes of its own."""
    commitment_weight: float = Field(0.25, ge=0)
    regularization_weight: float = Field(0.1, ge=0)
    """Of the regulariser, summed over the elements (paper: 0.1)."""
    kl_weight: float = Field(1e-3, ge=0)
    """Of the divergence a latent number from the standard Gaussian, for a VAE only. With 112 numbers a step to say
    what seven cross-entropies of one nat each ask for, a weight of 1/112 is the bound itself; a tenth of it keeps the
    latents from collapsing."""


class ElementSampling(_Config):
    """How one element is drawn: logits divided by the temperature, then the likeliest values that make up `nucleus`."""

    temperature: float = Field(1.0, gt=0)
    nucleus: float = Field(1.0, gt=0, le=1)


class ComposingConfig(_Config):
    """How the exported model composes."""

    codes: ElementSampling = ElementSampling(temperature=0.3, nucleus=0.9)
    elements: tuple[ElementSampling, ...] = (
        ElementSampling(temperature=1.2, nucleus=0.9),
        ElementSampling(nucleus=0.99),
        ElementSampling(temperature=1.2),
        ElementSampling(nucleus=0.9),
        ElementSampling(nucleus=0.9),
        ElementSampling(temperature=2.0, nucleus=0.9),
        ElementSampling(temperature=5.0),
    )
    """In the order of ELEMENTS (paper). With a codebook for each element its codes are drawn so as well, see
    `PianoSampling.of_book`."""
    fullness: float = Field(0.0, ge=-5, le=5)
    """How much likelier than the prior has it another note is struck where one was, as a difference of logits; for a
    codebook for each element alone."""
    repetition_penalty: float = Field(0.0, ge=-5, le=5)
    """How much less likely than the prior has it a pitch is struck that was struck at the place before, as a difference
    of logits; for a codebook for each element alone."""
    strength: float = Field(1.0, ge=0, le=10)
    """How strongly the emotion is asked of the prior (classifier-free guidance); 1: as trained."""
    drafts: int = Field(1, ge=1, le=MAX_DRAFTS)
    """Pieces composed for each that is kept (see runtime.piano_drafts); 1: the first is kept unheard (paper)."""

    @model_validator(mode="after")
    def _one_for_each_element(self) -> Self:
        if len(self.elements) != len(ELEMENTS):
            raise ValueError(f"composing.elements must have {len(ELEMENTS)} entries, one for each element")
        return self


class MuserConfig(_Config):
    """A VQ-VAE, its prior, how both are trained, and how they compose."""

    model: ModelConfig = ModelConfig()
    prior: PriorConfig = PriorConfig()
    training: VqvaeTrainingConfig = VqvaeTrainingConfig()
    prior_training: TrainingConfig = TrainingConfig(epochs=1300)
    composing: ComposingConfig = ComposingConfig()


def muser_aaai24() -> MuserConfig:
    """The paper's model and training: batches of 16, Adam 1e-4, 300 and 1,300 epochs, gradients clipped at 3."""
    return MuserConfig()


def _small(**model: Any) -> MuserConfig:
    sizes = {
        "embedding_sizes": (32, 64, 32, 16, 64, 32, 32),
        "emotion_embedding_size": 32,
        "encoder_layers": 2,
        "encoder_width": 128,
        "decoder_layers": 2,
        "decoder_width": 128,
        "element_layers": 1,
        "heads": 8,
        "norm_first": True,
        "attention": "decaying",
        "emotion_input": "every_step",
        "block_reduction": "learned",
    }
    faster = {"optimizer": "muon", "weight_decay": 0.01, "schedule": "cosine", "warmup_steps": 100}
    augmented = {"transposition": "random", "tempo_shift": 1}
    many_steps = {"batch_words": 4096}  # ten EMOPIA clips: steps count for more than how sure each of them is
    training = {**faster, **augmented, **many_steps}
    return MuserConfig(
        model=ModelConfig.model_validate({**sizes, **model}),
        prior=PriorConfig(
            layers=6, width=192, heads=6, norm_first=True, attention="decaying", emotion_input="every_step"
        ),
        training=VqvaeTrainingConfig.model_validate(
            {**training, "learning_rate": 4e-3, "epochs": 20, "balanced": model.get("codebook") == "per_element"}
        ),
        prior_training=TrainingConfig.model_validate(
            {**training, "learning_rate": 8e-3, "epochs": 60, "label_dropout": 0.1}
        ),
    )


def muser_small() -> MuserConfig:
    """Ours: the paper's design, small enough that a computer without a GPU can compare its ablations.

    Layers that normalise first, attention that forgets and Muon learn in minutes what the paper's learn in hours; the
    reduction of the regulariser is the learned one, and the emotion is told with every word.
    """
    # The paper's sampling is for networks that are surer: after minutes of training codes at temperature .3 are one
    # note again and again (sanity 1.2 deviations from real pieces; as they are, with pitches a little safer, 0.5).
    safer = ElementSampling(temperature=0.8, nucleus=0.9)
    elements = tuple(safer if column == PITCH else ElementSampling() for column in range(len(ELEMENTS)))
    return _small().model_copy(update={"composing": ComposingConfig(codes=ElementSampling(), elements=elements)})


def muser_elements() -> MuserConfig:
    """Ours, and what the shipped weights are: muser_small with a codebook for each element, of as many codes as the
    element has values at most.

    One code of 512 for a whole word cannot say which of 88 keys is struck: a decoder that chooses by itself leaves the
    key that later codes were made for. With seven codes the prior composes all of the music, and exchanging an element
    between pieces is exchanging its codes.
    """
    config = _small(latent_into_decoder="concatenate", codebook="per_element", codes=max(SIZES))
    # Chosen on the finished weights by sanity, pitch measures and the recogniser that chooses drafts: notes somewhat
    # safer than the prior has them, lengths more daring, chords as full as in EMOPIA, and few changes of tempo. Safer
    # notes are repeated ones: of the top line's intervals 44 % were repeats, in real pieces 27 %, hence the penalty.
    composing = ComposingConfig(
        codes=ElementSampling(),
        elements=(
            ElementSampling(nucleus=0.95),
            ElementSampling(),
            ElementSampling(),
            ElementSampling(),
            ElementSampling(temperature=0.87, nucleus=0.87),
            ElementSampling(temperature=1.3),
            ElementSampling(),
        ),
        fullness=0.25,
        repetition_penalty=1.5,
        drafts=8,
    )
    return config.model_copy(update={"composing": composing})


PRESETS: dict[str, Callable[[], MuserConfig]] = {
    "muser_aaai24": muser_aaai24,
    "muser_small": muser_small,
    "muser_elements": muser_elements,
}
