"""Training of the melody system: the final model, and before it the folds of a cross-validation by tune."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from affetti.corpora import CORPORA
from affetti.corpora.prepared_melodies import PreparedMelodies, load_prepared
from affetti.corpora.tunes import tune_folds
from affetti.emoreg.config import PRESETS, EmoregConfig, TrainingConfig
from affetti.emoreg.cvae import MelodyCvae
from affetti.emoreg.examples import Examples, as_examples
from affetti.emoreg.export import export_weights
from affetti.emoreg.quadrant_regularization import quadrant_regularization
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.files import write_whole
from affetti.tokens.melody import STEPS_PER_BAR, MelodyVocabulary
from affetti.training.checkpoint import load_checkpoint, save_checkpoint
from affetti.training.recipe import EmoregRecipe, resolved
from affetti.training.run_folder import RunFolder

MAX_GRADIENT_NORM = 1.0
"""Keeps a rare steep batch from undoing an epoch; far above the usual norm (0.05-0.3)."""

Progress = Callable[[str, int, int, float], None]
"""Called after every epoch with stage name, finished epochs, all epochs, loss."""


def train(recipe: EmoregRecipe, run: RunFolder, *, resume: bool, progress: Progress) -> str:
    """Run a recipe: its folds, then the model on the whole corpus, exported to the run's weights folder.

    The run folder's config.yaml is the recipe with everything the preset says written out. Returns the SHA-256 that
    names the exported weights.

    Raises InputError for an unknown preset, values the configuration refuses, or a corpus not prepared.
    """
    config = resolve(recipe)
    corpus = _checked_corpus(recipe)
    folds = _folds(recipe, corpus)
    run.start(recipe.model_copy(update=config.model_dump(mode="json")), {recipe.corpus: corpus.sha256()}, resume=resume)
    vocabulary = MelodyVocabulary.of_corpus(corpus.tokens)
    config = config.model_copy(update={"model": config.model.model_copy(update={"vocabulary": vocabulary.values})})
    examples = as_examples(corpus, vocabulary)
    torch.use_deterministic_algorithms(True)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    for fold in range(recipe.folds):
        _train_fold(config, examples, folds == fold, run.fold(fold), recipe.seed, _named(progress, fold))
    model = fit(config, examples, run, seed=recipe.seed, progress=progress)
    return export_weights(model, config, recipe, examples, run)


def _checked_corpus(recipe: EmoregRecipe) -> PreparedMelodies:
    """The recipe's corpus, with labelled melodies of every quadrant."""
    if recipe.corpus not in CORPORA:
        raise InputError(f"unknown corpus {recipe.corpus[:40]!r}; there are {', '.join(CORPORA)}")
    corpus = load_prepared(recipe.corpus)
    missing = [quadrant.name for quadrant in Quadrant if np.sum(corpus.quadrants == quadrant) < 2]
    if missing:
        raise InputError(f"{recipe.corpus} has no two labelled melodies of {', '.join(missing)} to learn from")
    return corpus


def _folds(recipe: EmoregRecipe, corpus: PreparedMelodies) -> Tensor:
    """The fold of each melody, [N]; empty for a recipe without cross-validation."""
    if not recipe.folds:
        return torch.empty(0)
    try:
        return torch.from_numpy(tune_folds(corpus.tunes, corpus.quadrants, recipe.folds, recipe.fold_seed))
    except ValueError as error:
        raise InputError(f"{recipe.corpus}: {error}") from error


def resolve(recipe: EmoregRecipe) -> EmoregConfig:
    """The preset with the recipe's changes. Raises InputError for an unknown preset, key or value."""
    return resolved(recipe, PRESETS)


def fit(
    config: EmoregConfig,
    examples: Examples,
    run: RunFolder,
    *,
    seed: int,
    progress: Progress,
    held_out: Examples | None = None,
) -> MelodyCvae:
    """Train one model in `run`, from its checkpoint if there is one; the finished model in evaluation mode.

    An epoch depends only on the seed, its number and the weights before it, so a run resumed from an epoch's
    checkpoint ends with the same weights as one never interrupted.
    """
    training = config.training
    torch.manual_seed(seed)
    model = MelodyCvae(config.model)
    optimizer = make_optimizer(model, training)
    finished = load_checkpoint(run.checkpoint, model, [optimizer]).epoch if run.checkpoint.exists() else 0
    if finished == 0 and 0 in training.snapshot_epochs:
        _save_latents(run.latents / "epoch_0000.safetensors", model, examples)
    with run.open_log(finished_epochs=finished) as log:
        for epoch in range(finished + 1, training.epochs + 1):
            started = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(training, epoch)
            scalars = train_epoch(model, optimizer, examples, training, seed=seed, epoch=epoch)
            if not math.isfinite(scalars["loss"]):
                raise InputError(f"epoch {epoch}: the loss is no number any more; lower the learning rate")
            checkpoint_due = epoch == training.epochs or epoch % training.checkpoint_every == 0
            if checkpoint_due:
                scalars |= measure(model, examples, "training")
                scalars |= measure(model, held_out, "held_out") if held_out is not None else {}
            log.write(epoch, {**scalars, "seconds": time.perf_counter() - started})
            if epoch in training.snapshot_epochs:
                _save_latents(run.latents / f"epoch_{epoch:04d}.safetensors", model, examples)
            if checkpoint_due:
                save_checkpoint(run.checkpoint, model, [optimizer], epoch=epoch)
            progress("training", epoch, training.epochs, scalars["loss"])
    model.eval()
    _save_latents(run.latents / "final.safetensors", model, examples)
    return model


def make_optimizer(model: MelodyCvae, training: TrainingConfig) -> torch.optim.Optimizer:
    """The configured optimizer; RMSprop with Keras's default decay and epsilon (the paper used Keras)."""
    if training.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            model.parameters(),
            lr=training.learning_rate,
            alpha=0.9,
            eps=1e-7,
            weight_decay=training.weight_decay,
        )
    return torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)


def learning_rate(training: TrainingConfig, epoch: int) -> float:
    """The learning rate of an epoch (from 1)."""
    if training.schedule == "constant":
        return training.learning_rate
    return training.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / training.epochs))


def train_epoch(
    model: MelodyCvae,
    optimizer: torch.optim.Optimizer,
    examples: Examples,
    training: TrainingConfig,
    *,
    seed: int,
    epoch: int,
) -> dict[str, float]:
    """One pass over the examples; the epoch's mean loss terms (reconstruction and KL in nats per step)."""
    torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)
    regularization = quadrant_regularization()
    model.train()
    totals: dict[str, float] = {}
    for rows in torch.randperm(len(examples)).split(training.batch_size):
        batch = examples[rows]
        tokens = batch.tokens
        output = model(
            tokens,
            batch.labels,
            heard=shuffled_bars(tokens) if training.shuffle_bars else None,
            dropout=training.dropout,
            token_dropout=training.token_dropout,
        )
        reconstruction = functional.cross_entropy(output.logits.flatten(0, 1), tokens.flatten())
        kl = kl_divergence(output.mean, output.log_variance).mean() / tokens.shape[1]
        # The drawn positions: the cosine would be content with means of any size, however drowned in noise.
        valence_loss, arousal_loss = regularization(output.position, batch.labels)
        loss = reconstruction + training.kl_weight * kl
        loss = loss + training.regularization_weight * (valence_loss + arousal_loss)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        terms = {
            "loss": loss,
            "reconstruction": reconstruction,
            "kl": kl,
            "valence_loss": valence_loss,
            "arousal_loss": arousal_loss,
        }
        for name, value in terms.items():
            totals[name] = totals.get(name, 0.0) + value.item() * len(rows) / len(examples)
    return totals


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """L_KLD of each example, -1/2 Σ (1 + log σ² - σ² - μ²) in nats: [B, L] -> [B]."""
    divergence: Tensor = torch.sum(1 + log_variance - log_variance.exp() - mean.square(), dim=1)
    return divergence * -0.5


def shuffled_bars(tokens: Tensor) -> Tensor:
    """Each example's bars in an order of its own, [B, T] -> [B, T]; a note held over a bar line is not re-struck."""
    bars = tokens.unflatten(1, (-1, STEPS_PER_BAR))
    order = torch.rand(bars.shape[:2]).argsort(dim=1)
    return torch.take_along_dim(bars, order[..., None], dim=1).flatten(1)


@torch.no_grad()
def measure(model: MelodyCvae, examples: Examples, name: str) -> dict[str, float]:
    """Placement, reconstruction at the posterior mean (nats per step) and token accuracy of `examples`."""
    model.eval()
    mean, log_variance = model.encoder(examples.tokens, examples.labels)
    logits = model.decoder(mean, examples.labels, examples.tokens)
    labelled = examples.labels >= 0
    signs = quadrant_regularization().signs[:, examples.labels[labelled]].T
    right = ((mean[labelled, :2] >= 0) == (signs > 0)).float()
    return {
        f"{name}/placement": right.prod(dim=1).mean().item(),
        f"{name}/placement_valence": right[:, 0].mean().item(),
        f"{name}/placement_arousal": right[:, 1].mean().item(),
        f"{name}/reconstruction": functional.cross_entropy(logits.flatten(0, 1), examples.tokens.flatten()).item(),
        f"{name}/accuracy": (logits.argmax(-1) == examples.tokens).float().mean().item(),
        f"{name}/kl": kl_divergence(mean, log_variance).mean().item() / examples.tokens.shape[1],
    }


def _train_fold(
    config: EmoregConfig, examples: Examples, held_out: Tensor, run: RunFolder, seed: int, progress: Progress
) -> None:
    """Train without the held-out melodies and store where the encoder puts them."""
    result = run.path / "held_out.safetensors"
    if result.exists():
        return
    training = config.training.model_copy(update={"snapshot_epochs": ()})
    fold_config = config.model_copy(update={"training": training})
    unseen = examples[held_out]
    model = fit(
        fold_config,
        examples[~held_out],
        run,
        seed=seed,
        progress=progress,
        held_out=unseen,
    )
    with torch.no_grad():
        positions = model.encoder(unseen.tokens, unseen.labels)[0]
    tensors = {
        "positions": positions.contiguous(),
        "quadrants": (unseen.labels + 1).to(torch.int8),
        "indices": held_out.nonzero()[:, 0].to(torch.int32),
    }
    write_whole(result, save(tensors), force=True)


@torch.no_grad()
def _save_latents(path: Path, model: MelodyCvae, examples: Examples) -> None:
    """Where the training examples lie: tensors positions [N, L] and quadrants [N]."""
    was_training = model.training
    model.eval()
    positions = model.encoder(examples.tokens, examples.labels)[0].contiguous()
    model.train(was_training)
    tensors = {"positions": positions, "quadrants": (examples.labels + 1).to(torch.int8)}
    write_whole(path, save(tensors), force=True)


def _named(progress: Progress, fold: int) -> Progress:
    return lambda _, epoch, epochs, loss: progress(f"fold {fold + 1}", epoch, epochs, loss)
