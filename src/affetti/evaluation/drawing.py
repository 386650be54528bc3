"""How every picture is drawn, by matplotlib (extra [train]): one style, one palette, the same bytes every time.

Colours are Okabe and Ito's, which colour-blind readers tell apart.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.report import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {Quadrant.Q1: "#E69F00", Quadrant.Q2: "#D55E00", Quadrant.Q3: "#0072B2", Quadrant.Q4: "#009E73"}
MARKERS = {Quadrant.Q1: "o", Quadrant.Q2: "^", Quadrant.Q3: "s", Quadrant.Q4: "D"}
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "affetti",  # identifiers in the SVG that do not change from run to run
}
_DOTS_PER_INCH = 150


def require_pictures() -> None:
    """Raise InputError that names the extra when matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401  (only asked whether it is there)
    except ModuleNotFoundError as error:
        raise InputError("pictures need matplotlib: pip install 'affetti[train]'") from error


@contextmanager
def new_figure(width: float, height: float) -> Iterator["Figure"]:
    """A figure of this size in inches, drawn and saved in our style inside the block."""
    require_pictures()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def picture_of(figure: "Figure", name: str, caption: str) -> Picture:
    """The figure's bytes, without the date and versions that would make them differ from run to run."""
    png, svg = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it; in names of files
        figure.savefig(png, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(name, caption, png.getvalue(), svg.getvalue())
