"""Export of a trained melody model: config.json, model.safetensors and ONNX graphs that share its numbers.

The numbers are stored once, as float16 in model.safetensors. The ONNX graphs name byte ranges of that file as their
external data and cast them to float32, so torch and ONNX Runtime compute with the same values.
"""

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from affetti.corpora import CORPORA
from affetti.emoreg.config import EmoregConfig, ModelConfig
from affetti.emoreg.cvae import LABELS, MelodyCvae
from affetti.emoreg.draft_profiles import calibrated_profiles
from affetti.emoreg.examples import Examples
from affetti.files import write_whole
from affetti.layers.onnx_graph import GraphBuilder, StoredNumbers
from affetti.runtime.melody_config import MelodyModelConfig, QuadrantPositions
from affetti.runtime.melody_model import MelodyModel
from affetti.runtime.stored import SamplingDefaults
from affetti.runtime.weights import NUMBERS, MelodyWeights, find_weights
from affetti.tokens.melody import PHRASE_STEPS, STEPS_PER_BAR
from affetti.training.recipe import EmoregRecipe
from affetti.training.run_folder import RunFolder


def export_weights(
    model: MelodyCvae, config: EmoregConfig, recipe: EmoregRecipe, examples: Examples, run: RunFolder
) -> str:
    """Write the run's weights folder; the SHA-256 that names it.

    What a composer needs beside the network is measured here on the training examples: where each quadrant lies, how
    far the axes reach, and, where there are held-out folds, how surely a position tells the emotion.
    """
    numbers = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    data = save(numbers)
    write_whole(run.weights / NUMBERS, data, force=True)
    # From here on the model is the one that was stored, rounding included.
    model.load_state_dict({name: value.float() for name, value in numbers.items()})
    graphs = _Graphs(config.model, data)
    write_whole(run.weights / "encoder.onnx", graphs.encoder(), force=True)
    write_whole(run.weights / "decoder_step.onnx", graphs.decoder_step(), force=True)
    stored = describe(model, config, recipe, examples, run)
    if config.composing.drafts > 1:
        profiles = calibrated_profiles(
            MelodyModel(MelodyWeights(run.weights, stored, sha256="")),
            examples,
            drafts=config.composing.drafts,
            pieces=config.composing.calibration_pieces,
        )
        stored = stored.model_copy(update={"profiles": profiles})
    text = json.dumps(stored.model_dump(mode="json"), indent=1) + "\n"
    write_whole(run.weights / "config.json", text.encode(), force=True)  # last: with it the folder is whole
    return find_weights(run.weights).sha256


def load_exported(folder: Path, model: MelodyCvae) -> None:
    """Put exported numbers into a model of the same configuration."""
    numbers = load_file(folder / NUMBERS)
    model.load_state_dict({name: value.float() for name, value in numbers.items()})


@torch.no_grad()
def describe(
    model: MelodyCvae, config: EmoregConfig, recipe: EmoregRecipe, examples: Examples, run: RunFolder
) -> MelodyModelConfig:
    """config.json of a trained model."""
    model.eval()
    labelled = examples[examples.labels >= 0]
    mean, log_variance = model.encoder(labelled.tokens, labelled.labels)
    is_map = config.training.regularization_weight > 0
    return MelodyModelConfig(
        name=recipe.name,
        system=recipe.system,
        preset=recipe.preset,
        licence=CORPORA[recipe.corpus].licence,
        trained_on=recipe.corpus,
        vocabulary=config.model.vocabulary,
        hidden_size=config.model.hidden_size,
        latent_size=config.model.latent_size,
        label_in_encoder=config.model.label_in_encoder,
        label_in_decoder=config.model.label_in_decoder,
        autoregressive=config.model.autoregressive,
        is_map=is_map,
        quadrant_positions=tuple(
            _gaussian(mean[labelled.labels == label], log_variance[labelled.labels == label]) for label in range(LABELS)
        ),
        axis_reach=tuple(mean[:, :2].abs().quantile(0.95, dim=0).tolist()),
        reading_slope=_reading_slope(run) if is_map and not config.model.label_in_encoder else None,
        # The papers' decoders were not trained to be drawn from step by step: their likeliest tokens are the melody.
        sampling=SamplingDefaults(greedy=not config.model.autoregressive),
    )


def _gaussian(mean: Tensor, log_variance: Tensor) -> QuadrantPositions:
    """The Gaussian with the moments of all posteriors [N, L] together."""
    centred = mean - mean.mean(dim=0)
    covariance = centred.T @ centred / len(mean) + log_variance.exp().mean(dim=0).diag()
    factor = torch.linalg.cholesky(covariance + 1e-6 * torch.eye(len(covariance)))
    return QuadrantPositions(mean=tuple(mean.mean(dim=0).tolist()), cholesky=tuple(map(tuple, factor.tolist())))


def _reading_slope(run: RunFolder) -> tuple[float, float] | None:
    """Log-odds of a positive sign per unit of position on both axes, by logistic regression on held-out folds."""
    files = sorted(run.path.glob("folds/*/held_out.safetensors"))
    if not files:
        return None
    folds = [load_file(file) for file in files]
    positions = torch.cat([fold["positions"] for fold in folds])[:, :2].double().numpy()
    quadrants = torch.cat([fold["quadrants"] for fold in folds]).numpy()
    labelled = quadrants > 0
    positions, quadrants = positions[labelled], quadrants[labelled]
    positive = np.stack([np.isin(quadrants, (1, 4)), np.isin(quadrants, (1, 2))], axis=1)
    valence, arousal = (_logistic_slope(positions[:, axis], positive[:, axis]) for axis in (0, 1))
    return valence, arousal


def _logistic_slope(positions: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The slope k that makes 1 / (1 + exp(-k x)) likeliest, by Newton's method."""
    slope = 1.0
    for _ in range(50):
        likelihood = 1 / (1 + np.exp(-slope * positions))
        gradient = np.sum((positive - likelihood) * positions)
        curvature = np.sum(likelihood * (1 - likelihood) * positions**2) + 1e-9
        slope += float(np.clip(gradient / curvature, -5, 5))
    return round(slope, 6)


class _Graphs:
    """Builds the ONNX graphs over the numbers stored in a safetensors file."""

    def __init__(self, config: ModelConfig, safetensors: bytes) -> None:
        self.config = config
        self.numbers = StoredNumbers(safetensors)

    def encoder(self) -> bytes:
        """tokens int64 [B, T] (and labels, one-hot float [B, 4]) -> mean [B, L]."""
        hidden = self.config.hidden_size
        graph = GraphBuilder(self.numbers)
        tokens = graph.node("OneHot", ["tokens", graph.integer(len(self.config.vocabulary)), graph.zero_one()])
        graph.input("tokens", ["B", "T"], integers=True)
        steps = graph.node("Transpose", [tokens], perm=[1, 0, 2])
        if self.config.label_in_encoder:
            graph.input("labels", ["B", LABELS])
            count = graph.node("Shape", [steps], end=1)
            shape = graph.node("Concat", [count, graph.constant([1, 1])], axis=0)
            repeated = graph.node("Tile", [graph.node("Unsqueeze", ["labels", graph.constant([0])]), shape])
            steps = graph.node("Concat", [steps, repeated], axis=2)
        weights = [
            graph.node("Unsqueeze", [self._onnx_gates(graph, f"encoder.gru.{name}_l0"), graph.constant([0])])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        biases = graph.node("Concat", weights[2:], axis=1)
        states, last = graph.nodes(
            "GRU", [steps, weights[0], weights[1], biases], 2, hidden_size=hidden, linear_before_reset=1
        )
        # states: [T, 1, B, H]; last: [1, B, H]
        if self.config.encoder_summary == "mean":
            summary = graph.node(
                "Squeeze", [graph.node("ReduceMean", [states], axes=[0], keepdims=0), graph.constant([0])]
            )
        else:
            summary = graph.node("Squeeze", [last, graph.constant([0])])
        graph.node(
            "Gemm",
            [summary, graph.parameter("encoder.mean.weight"), graph.parameter("encoder.mean.bias")],
            output="mean",
            transB=1,
        )
        graph.output("mean", ["B", self.config.latent_size])
        return graph.serialised("melody_encoder")

    def decoder_step(self) -> bytes:
        """One step of the decoder: condition [B, L (+ 4)], state [B, H] and, where autoregressive, previous int64 [B]
        (V for nothing) and step int64 [B] -> logits [B, V], next_state [B, H].
        """
        config, vocabulary = self.config, len(self.config.vocabulary)
        graph = GraphBuilder(self.numbers)
        graph.input("condition", ["B", config.latent_size + LABELS * config.label_in_decoder])
        graph.input("state", ["B", config.hidden_size])
        heard = "condition"
        if config.autoregressive:
            for name in ("previous", "step"):
                graph.input(name, ["B"], integers=True)
            bar = graph.integer(STEPS_PER_BAR)
            # An index outside the depth is all zeros: how "nothing before" is written.
            history = graph.node("OneHot", ["previous", graph.integer(vocabulary), graph.zero_one()])
            place = graph.node("OneHot", [graph.node("Mod", ["step", bar]), bar, graph.zero_one()])
            bars = graph.integer(PHRASE_STEPS // STEPS_PER_BAR)
            number = graph.node("OneHot", [graph.node("Div", ["step", bar]), bars, graph.zero_one()])
            heard = graph.node("Concat", [history, place, number, "condition"], axis=1)
        gates = [
            graph.nodes(
                "Split",
                [
                    graph.node(
                        "Gemm",
                        [
                            source,
                            *(graph.parameter(f"decoder.gru.{kind}_{side}_l0") for kind in ("weight", "bias")),
                        ],
                        transB=1,
                    )
                ],
                3,
                axis=1,
            )
            for source, side in ((heard, "ih"), ("state", "hh"))
        ]
        (input_reset, input_update, input_new), (state_reset, state_update, state_new) = gates
        reset = graph.node("Sigmoid", [graph.node("Add", [input_reset, state_reset])])
        update = graph.node("Sigmoid", [graph.node("Add", [input_update, state_update])])
        new = graph.node("Tanh", [graph.node("Add", [input_new, graph.node("Mul", [reset, state_new])])])
        kept = graph.node("Mul", [update, graph.node("Sub", ["state", new])])
        state = graph.node("Add", [new, kept], output="next_state")
        graph.node(
            "Gemm",
            [state, graph.parameter("decoder.logits.weight"), graph.parameter("decoder.logits.bias")],
            output="logits",
            transB=1,
        )
        graph.output("logits", ["B", vocabulary])
        graph.output("next_state", ["B", config.hidden_size])
        return graph.serialised("melody_decoder_step")

    def _onnx_gates(self, graph: GraphBuilder, name: str) -> str:
        """A GRU parameter with its gates in ONNX's order: torch stacks reset, update, new; ONNX update, reset, new."""
        reset, update, new = graph.nodes("Split", [graph.parameter(name)], 3, axis=0)
        return graph.node("Concat", [update, reset, new], axis=0)
