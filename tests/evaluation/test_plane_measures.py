"""Asked and heard, by hand."""

import numpy as np
import pytest

from affetti.emotion import Emotion
from affetti.evaluation.emotion_trajectories import movement
from affetti.evaluation.plane_measures import PLACES, SEGMENTS, Asked, OnGrid, measure, random_paths, work
from affetti.evaluation.plane_pictures import plane_pictures
from affetti.evaluation.plane_report import PlaneReport, RealTrajectories
from tests.evaluation.test_plane_fitting import Crooked, crooked, silent


def test_correlation_sides_and_errors_by_hand() -> None:
    asked = np.array([[-1.0, 0.0], [0.0, 0.5], [1.0, -0.5], [1.0, 1.0]])
    heard = np.array([[-0.5, 0.0], [0.0, -0.25], [0.5, -0.25], [np.nan, np.nan]])
    found = Asked(asked, heard, np.arange(4))
    assert found.correlation(0).value == pytest.approx(1)
    assert found.right_sides(0).value == 1  # the middle has no side
    assert found.right_sides(1).value == 0.5
    assert found.error(0) == pytest.approx(1 / 3)
    assert found.correlation(1).value == pytest.approx(np.corrcoef([0, 0.5, -0.5], [0, -0.25, -0.25])[0, 1])


def test_changes_are_within_a_piece() -> None:
    asked = np.array([[0.0, 0], [1, 0], [0, 0], [1, 1], [0, 0], [0, 0]])
    heard = asked + np.array([[0.2, 0]] * 3 + [[-5.0, 0]] * 3)  # whole pieces are heard elsewhere
    found = Asked(asked, heard, np.array([0, 0, 0, 1, 1, 1]))
    assert found.changes(0).value == pytest.approx(1)
    assert found.correlation(0).value < 0.3


def test_an_interval_widens_where_pieces_are_few() -> None:
    random = np.random.default_rng(0)
    asked = random.uniform(-1, 1, (400, 2))
    heard = np.clip(asked + 0.8 * random.standard_normal((400, 2)), -1, 1)
    many, few = (Asked(asked[:count], heard[:count], np.arange(count)).correlation(0) for count in (400, 25))
    assert many.low < many.value < many.high
    assert few.high - few.low > 2 * (many.high - many.low)


def test_means_and_curves_of_a_grid() -> None:
    places = np.linspace(-1, 1, PLACES)
    asked = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2).repeat(2, axis=0)
    around = np.tile([[0.1, 0.1], [-0.1, -0.1]], (PLACES**2, 1))
    grid = OnGrid(asked, 0.5 * asked + around, np.arange(len(asked)))
    np.testing.assert_allclose(grid.means[0, 4], [-0.5, 0.5], atol=1e-9)
    np.testing.assert_allclose(grid.curve(0), 0.5 * places, atol=1e-9)
    np.testing.assert_allclose(grid.curve(1), 0.5 * places, atol=1e-9)
    assert grid.bias(0) == pytest.approx(0.5 * np.abs(places).mean())


def test_random_paths_are_those_of_their_seed() -> None:
    first = random_paths(50, 8, 1)
    assert first == random_paths(50, 8, 1)
    assert first != random_paths(50, 8, 2)
    assert {path.bars for path in first} == {SEGMENTS * 8}
    points = [segment.emotion for path in first for segment in path.segments]
    assert {point.quadrant for point in points if isinstance(point, Emotion)} == {1, 2, 3, 4}


def test_movement_by_hand() -> None:
    moves = movement([np.array([[0, 0], [0.6, 0], [0, 0]]), np.array([[-1, -1], [-1, -1]])])
    assert moves.pieces == 2
    np.testing.assert_allclose(moves.step, [0.4, 0])
    np.testing.assert_allclose(moves.large_steps, [2 / 3, 0])
    np.testing.assert_allclose(moves.within, [np.sqrt((0.04 + 0.16 + 0.04) / 5), 0])
    np.testing.assert_allclose(moves.between, [0.6, 0.5])
    assert moves.quadrants == 1
    with pytest.raises(ValueError, match="no trajectories"):
        movement([])


def test_all_work_is_told_and_the_report_says_it_all() -> None:
    done: list[float] = []
    measured = measure(crooked(noise=0.1), 2, 6, 3, done.append)
    assert sum(done) == work(2, 6)
    real = RealTrajectories([np.array([[0, 0], [0.5, 0.5], [1, 1]])] * 2, None)
    report = PlaneReport([measured], real)
    tables = report.tables()
    assert [len(table.rows) for table in tables] == [3, 6, PLACES, 3, 6]
    document = report.document()
    own = document["models"]["crooked"]
    assert np.asarray(own["grid"]["composed"]["means"]).shape == (PLACES, PLACES, 2)
    assert np.asarray(own["paths"]["heard"]).shape == (6, SEGMENTS, 2)
    assert own["paths"]["correlation"][0]["low"] <= own["paths"]["correlation"][0]["value"]
    assert any("has no calibration" in remark for remark in report.remarks())
    assert any("not prepared" in remark for remark in PlaneReport([measured], None).remarks())
    pictures = list(plane_pictures(report))
    assert [picture.name for picture in pictures] == ["calibration", "plane", "paths", "trajectories"]
    assert all(picture.png and len(picture.png) > 10_000 for picture in pictures)


def test_what_cannot_be_heard_is_no_obstacle() -> None:
    class Deaf(Crooked):
        def calibrated(self, plane: object) -> "Deaf":
            return Deaf(None, ears={"choosing": "one", "reporting": "another"})

        def hear(self, pieces: object, ear: str) -> np.ndarray:
            heard = super().hear(pieces, ear)  # type: ignore[arg-type]
            heard[::3] = np.nan
            return heard

    measured = measure(Deaf().calibrated(None), 3, 6, 0, silent)
    report = PlaneReport([measured], None)
    assert report.tables()
    assert np.isfinite(measured.grids["composed"].correlation(0).value)
    assert len(list(plane_pictures(report))) == 3
