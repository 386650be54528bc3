"""Training of the piano system: the phases of a recipe one after another, then the export of its weights."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn

from affetti.corpora.prepared_pieces import PreparedPieces, load_pieces
from affetti.errors import InputError
from affetti.muser.batches import training_pieces
from affetti.muser.config import PRESETS, MuserConfig, TrainingConfig, VqvaeTrainingConfig
from affetti.muser.export import export_weights
from affetti.muser.fitting import Deadline, Phase, batching_of, finished_weights
from affetti.muser.objectives import Objective, PriorObjective, VqvaeObjective
from affetti.muser.prior import Prior, build_prior
from affetti.muser.vqvae import MuserVqvae
from affetti.training.memory import keep_freed_memory
from affetti.training.processes import Processes, joined_processes
from affetti.training.recipe import MuserRecipe, resolved, validated
from affetti.training.recipe import Phase as PhaseRecipe
from affetti.training.run_folder import RunFolder

N = TypeVar("N", bound=nn.Module)

Progress = Callable[[str, int, int, float], None]
"""Called after every epoch with phase name, finished epochs, all epochs of the phase, loss."""


def train(recipe: MuserRecipe, run: RunFolder, *, resume: bool, progress: Progress) -> str | None:
    """Run a recipe: its phases, then the export of what they trained to the run's weights folder.

    The run folder's config.yaml is the recipe with everything the preset says written out. Processes that torchrun
    started train together. Returns the SHA-256 that names the exported weights, "" where there are none (they take a
    prior, and linear attention), and None where its `stop_after_minutes` came first: then `resume` goes on.

    Raises InputError for an unknown preset, values the configuration refuses, or a corpus that is not prepared.
    """
    deadline = Deadline.after_minutes(recipe.stop_after_minutes)
    keep_freed_memory()
    config = resolve(recipe)
    names = list(dict.fromkeys(name for phase in recipe.phases for name in phase.corpora))  # as they are learned from
    corpora = {name: load_pieces(name) for name in names}
    with joined_processes() as processes:
        _check_pieces(recipe, config, corpora, processes)
        # On a GPU a few sums have no fixed order; what has one is used.
        torch.use_deterministic_algorithms(True, warn_only=processes.device.type == "cuda")
        if processes.is_first:
            digests = {name: corpus.sha256() for name, corpus in corpora.items()}
            run.start(written_out(recipe, config), digests, resume=resume)
        processes.wait()
        trained = _Run(recipe, config, run, corpora, processes)
        has_trained = False
        for number in range(1, len(recipe.phases) + 1):
            is_new = not finished_weights(trained.folder(number)).exists()
            if is_new and has_trained and processes.agreed(deadline.forbids(0)):
                return None
            if not trained.fit(number, deadline, progress):
                return None
            has_trained |= is_new
        weights_hash = trained.export() if processes.is_first else ""
        processes.wait()
        return weights_hash


def resolve(recipe: MuserRecipe) -> MuserConfig:
    """The preset with the recipe's changes. Raises InputError for an unknown preset, key or value."""
    config = resolved(recipe, PRESETS)
    for number, phase in enumerate(recipe.phases):
        training = phase_training(recipe, config, number)
        if phase.part == "prior" and config.model.latent == "vae":
            raise InputError(f"recipe {recipe.name}: phases.{number}: a VAE has no codes that a prior could learn")
        reduces_all = config.model.latent == "vq_regularised" and config.model.block_reduction == "transformer"
        if phase.part == "vqvae" and reduces_all and training.max_words > config.model.reducer_width:
            raise InputError(
                f"recipe {recipe.name}: phases.{number}.training.max_words: the Transformer reduction takes "
                f"{config.model.reducer_width:,} words at most"
            )
    return config


def phase_training(recipe: MuserRecipe, config: MuserConfig, number: int) -> TrainingConfig:
    """How the phase of this number, from 0, is trained; a VqvaeTrainingConfig for the VQ-VAE."""
    phase = recipe.phases[number]
    source = f"recipe {recipe.name}: phases.{number}.training"
    if phase.part == "vqvae":
        return validated(VqvaeTrainingConfig, config.training.model_dump() | phase.training, source)
    return validated(TrainingConfig, config.prior_training.model_dump() | phase.training, source)


def written_out(recipe: MuserRecipe, config: MuserConfig) -> MuserRecipe:
    """The recipe with everything that the preset says."""
    phases = tuple(
        phase.model_copy(update={"training": phase_training(recipe, config, number).model_dump(mode="json")})
        for number, phase in enumerate(recipe.phases)
    )
    whole: dict[str, Any] = {"stop_after_minutes": None, "phases": phases}
    return recipe.model_copy(update=config.model_dump(mode="json") | whole)


def _check_pieces(
    recipe: MuserRecipe, config: MuserConfig, corpora: dict[str, PreparedPieces], processes: Processes
) -> None:
    """Raise InputError where a phase has nothing to learn from, or too little for so many processes."""
    for number, phase in enumerate(recipe.phases):
        training = phase_training(recipe, config, number)
        chosen = [corpora[name] for name in phase.corpora]
        pieces, validation = training_pieces(chosen, "train"), training_pieces(chosen, "validation")
        if len(pieces) < 2:
            raise InputError(f"{', '.join(phase.corpora)}: no two pieces in 4/4 to learn from")
        for some in (pieces, validation):
            for index in range(len(some)):
                some.excerpt(index, training.max_words, None)  # refuses what no epoch could take an excerpt of
        fewest = batching_of(training).fewest_pieces(len(pieces))
        if fewest // training.accumulation < processes.count:
            raise InputError(
                f"phases.{number}: a batch can have as few as {fewest} pieces, which {processes.count} processes and "
                f"{training.accumulation} parts cannot share; raise batch_pieces and batch_words"
            )


class _Run:
    """A recipe under way: the networks that the phases before have trained."""

    def __init__(
        self,
        recipe: MuserRecipe,
        config: MuserConfig,
        run: RunFolder,
        corpora: dict[str, PreparedPieces],
        processes: Processes,
    ) -> None:
        self.recipe, self.config, self.run, self.corpora, self.processes = recipe, config, run, corpora, processes
        self.threads = torch.get_num_threads()
        self.vqvae: MuserVqvae | None = None
        self.prior: Prior | None = None

    def folder(self, number: int) -> RunFolder:
        """Of the phase of this number, from 1."""
        return self.run.phase(number, self.recipe.phases[number - 1].part)

    def fit(self, number: int, deadline: Deadline, progress: Progress) -> bool:
        """Run the phase of this number, from 1; whether it came to its end."""
        phase = self.recipe.phases[number - 1]
        training = phase_training(self.recipe, self.config, number - 1)
        torch.set_num_threads(training.threads or self.threads)
        seed = self.recipe.seed * 100 + number
        torch.manual_seed(seed)  # of the first weights
        corpora = [self.corpora[name] for name in phase.corpora]
        under_way = Phase(
            self._objective(phase, training),
            training_pieces(corpora, "train"),
            training_pieces(corpora, "validation"),
            training,
            self.folder(number),
            self.processes,
            seed=seed,
        )
        return under_way.fit(deadline, lambda *figures: progress(f"{number} {phase.part}", *figures))

    def _objective(self, phase: PhaseRecipe, training: TrainingConfig) -> Objective:
        """The phase's network, with the weights of the phase before, and what it is trained on."""
        device, keeps = self.processes.device, training.keeps_activations
        if phase.part == "vqvae":
            assert isinstance(training, VqvaeTrainingConfig)
            self.vqvae = _with_weights_of(self.vqvae, MuserVqvae(self.config.model, keeps_activations=keeps)).to(device)
            return VqvaeObjective(self.vqvae, training)
        assert self.vqvae is not None  # MuserRecipe sees to it
        prior = build_prior(self.config.model, self.config.prior, keeps_activations=keeps)
        self.prior = _with_weights_of(self.prior, prior).to(device)
        return PriorObjective(self.prior, self.vqvae.eval(), training.precision)

    def export(self) -> str:
        """Write the weights folder; the SHA-256 that names it, "" for networks that cannot compose step by step."""
        attentions = self.config.model.attention, self.config.prior.attention
        if self.vqvae is None or self.prior is None or "softmax" in attentions:
            return ""
        last = training_pieces([self.corpora[name] for name in self.recipe.phases[-1].corpora], "train")
        return export_weights(
            self.vqvae.cpu(),
            self.prior.cpu(),
            self.run.weights,
            config=self.config,
            name=self.recipe.name,
            preset=self.recipe.preset,
            licence="; ".join(sorted({corpus.origin.licence for corpus in self.corpora.values()})),
            corpora=list(self.corpora),
            composes_in_c=self._learned_in_c(),
            is_test_model=self.recipe.is_test_model,
            pieces=last.words,
            emotions=last.emotions.tolist(),
        )

    def _learned_in_c(self) -> bool:
        """Whether all that the prior learned from at last was moved to C."""
        numbers = [number for number, phase in enumerate(self.recipe.phases) if phase.part == "prior"]
        return phase_training(self.recipe, self.config, numbers[-1]).transposition == "to_c"


def _with_weights_of(trained: N | None, network: N) -> N:
    if trained is not None:
        network.load_state_dict(trained.state_dict())
    return network
