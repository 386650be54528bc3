"""Maps of latent spaces: where pieces lie, block by block, on two axes and in the colour of their quadrant."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.note_arrays import Reals
from affetti.emotion import Quadrant
from affetti.evaluation.drawing import COLOURS, MARKERS, new_figure, picture_of
from affetti.evaluation.report import Picture

Method = Literal["t-SNE", "PCA"]
METHODS: tuple[Method, ...] = get_args(Method)
Points = Reals
"""[N, 2]"""

PERPLEXITY = 30.0
"""Of t-SNE: about as many neighbours of each piece decide where it lies. Its inventors' usual value."""


def project(vectors: NDArray[np.floating], method: Method, seed: int) -> Points:
    """Vectors [N, D] on two axes [N, 2]: those of greatest variance (PCA), or so that near ones stay near (t-SNE, van
    der Maaten and Hinton 2008, begun from PCA).
    """
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    # The sign of an axis is the library's whim: the number that is largest in it shall be positive.
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    points = np.zeros((len(centred), 2))
    points[:, : len(axes)] = centred @ axes.T
    spread = float(points[:, 0].std())
    if method == "PCA" or len(points) < 4 or spread < 1e-9:
        return points
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    begun = (points / spread * 1e-4).astype(np.float32)
    found = TSNE(perplexity=perplexity, init=begun, random_state=seed, n_jobs=1).fit_transform(centred)
    return np.asarray(found, np.float64)


def map_picture(
    name: str, title: str, panels: Sequence[tuple[str, Points]], quadrants: NDArray[np.integer], caption: str
) -> Picture:
    """Maps [N, 2] of the same pieces side by side, four in a row; panels: their titles and points.

    Raises InputError that names the extra when matplotlib is not installed.
    """
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    order = np.random.default_rng(0).permutation(len(quadrants))  # so that no quadrant lies over all others
    with new_figure(2.7 * columns, 2.75 * rows + 0.6) as figure:
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (label, points) in zip(axes, panels, strict=False):
            for part in np.array_split(order, 6):
                for quadrant in Quadrant:
                    own = points[part[quadrants[part] == quadrant]]
                    panel.scatter(
                        own[:, 0],
                        own[:, 1],
                        s=7,
                        c=COLOURS[quadrant],
                        marker=MARKERS[quadrant],
                        alpha=0.75,
                        linewidths=0,
                        rasterized=True,
                    )
            panel.set(title=label, xticks=(), yticks=())
        for panel in axes[len(panels) :]:
            panel.set_axis_off()
        handles = [
            axes[0].scatter([], [], s=24, c=COLOURS[quadrant], marker=MARKERS[quadrant], linewidths=0)
            for quadrant in Quadrant
        ]
        figure.legend(handles, [f"{one.name} {one.label}" for one in Quadrant], loc="outside lower center", ncols=4)
        figure.suptitle(title)
        return picture_of(figure, name, caption)
