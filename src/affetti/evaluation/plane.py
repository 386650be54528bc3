"""`affetti evaluate --plane`: the plane of emotion measured, for models of one system."""

from collections.abc import Callable, Mapping

from affetti.corpora.prepared_pieces import load_pieces
from affetti.errors import InputError
from affetti.evaluation.emotion_trajectories import RATED, listeners_trajectories
from affetti.evaluation.piano_emotion import EVALUATION_WEIGHTS
from affetti.evaluation.plane_measures import PATHS, measure, work
from affetti.evaluation.plane_report import PlaneReport, RealTrajectories
from affetti.evaluation.plane_systems import PianoOnPlane, plane_system
from affetti.evaluation.recognition import hear_rated
from affetti.runtime.recogniser import load_recogniser


def plane_report(
    models: Mapping[str, object], pieces: int, seed: int, progress: Callable[[float], None], paths: int = PATHS
) -> PlaneReport:
    """Compose at points and along paths with each model, and listen. progress: told of `plane_work` in fractions.

    Raises InputError for a model that composes nothing, or no pieces at a point.
    """
    if not pieces:
        raise InputError("the plane is measured with at least one piece at each point")
    systems = [plane_system(name, model) for name, model in models.items()]
    measured = [measure(system, pieces, paths, seed, progress) for system in systems]
    try:
        real = load_pieces(RATED)
    except InputError:
        return PlaneReport(measured, None)
    rated = None
    if any(isinstance(system, PianoOnPlane) for system in systems):
        rated = hear_rated(load_recogniser(EVALUATION_WEIGHTS), real, lambda done: None).get("full")
    return PlaneReport(measured, RealTrajectories(listeners_trajectories(real), rated))


def plane_work(models: int, pieces: int, paths: int = PATHS) -> int:
    """How much `plane_report` tells its progress of."""
    return models * work(pieces, paths)
