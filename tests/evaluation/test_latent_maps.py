import json
import re

import numpy as np
import pytest

from affetti.evaluation.latent_maps import map_picture, project
from affetti.evaluation.latent_page import Clips, latent_page

QUADRANTS = np.asarray([1, 2, 3, 4] * 10)


def test_pca_finds_the_widest_axes() -> None:
    wide, narrow = np.random.default_rng(0).standard_normal((2, 50)) * [[9], [1]]
    vectors = np.stack([np.zeros(50), narrow, wide], axis=1)
    found = project(vectors, "PCA", 0)
    centred = vectors - vectors.mean(axis=0)
    assert abs(np.corrcoef(found[:, 0], wide)[0, 1]) > 0.99
    assert np.square(found).sum() == pytest.approx(np.square(centred).sum())
    assert np.array_equal(project(vectors, "PCA", 0), found)
    assert np.allclose(np.abs(project(-vectors, "PCA", 0)), np.abs(found))


def test_tsne_keeps_groups_together_and_repeats_itself() -> None:
    vectors = np.repeat([[0.0] * 5, [9.0] * 5], 20, axis=0) + 0.1 * np.random.default_rng(0).standard_normal((40, 5))
    found = project(vectors, "t-SNE", 1)
    middles = found[:20].mean(axis=0), found[20:].mean(axis=0)
    spread = max(found[:20].std(), found[20:].std())
    assert np.linalg.norm(middles[0] - middles[1]) > 3 * spread
    assert np.array_equal(project(vectors, "t-SNE", 1), found)


@pytest.mark.parametrize("method", ["PCA", "t-SNE"])
def test_vectors_that_are_all_the_same_lie_in_one_place(method: str) -> None:
    assert (project(np.ones((6, 4)), method, 0) == 0).all()  # type: ignore[arg-type]
    assert project(np.asarray([[1.0], [2.0]]), method, 0).shape == (2, 2)  # type: ignore[arg-type]


def test_a_picture_has_all_panels() -> None:
    points = np.random.default_rng(0).standard_normal((40, 2))
    picture = map_picture("map", "Eight blocks", [(f"block {n}", points) for n in range(5)], QUADRANTS, "A caption")
    text = picture.svg.decode()
    assert all(f"block {n}" in text for n in range(5))
    assert "Q3 sad" in text
    assert picture.png is not None
    assert picture.png[:4] == b"\x89PNG"
    assert map_picture("map", "Eight blocks", [("one", points)], QUADRANTS, "").svg


def page(title: str = "Maps") -> str:
    random = np.random.default_rng(0)
    clips = Clips(QUADRANTS, QUADRANTS == 4, {"loudness": np.append(random.random(39), np.nan)})
    maps = {"</script><b>": {"PCA": [random.standard_normal((40, 2))] * 2}}
    return latent_page(title, clips, maps, ["tempo", "all"]).decode()


def test_a_page_holds_its_data_and_asks_for_nothing_else() -> None:
    text = page("Maps of <one> & all")
    assert not re.search(r"\b(src|href)\s*=", text)
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]  # the name of a namespace
    assert "Maps of &lt;one> &amp; all" in text
    assert text.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert data["blocks"] == ["tempo", "all"]
    assert data["clips"]["quadrant"] == QUADRANTS.tolist()
    assert sorted(data["clips"]["number"]) == list(range(1, 41))
    assert data["amounts"]["loudness"][-1] is None
    (own,) = data["systems"].values()
    assert {len(points) for points in own["PCA"]} == {80}
    assert min(own["PCA"][0]) >= 0
    assert max(own["PCA"][0]) <= 1000
    assert page() == page()
