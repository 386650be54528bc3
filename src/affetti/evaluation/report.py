"""Tables and pictures as a terminal, a Markdown page and a folder of files show them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affetti.errors import InputError
from affetti.files import write_whole

JSON_FILE = "evaluation.json"
MARKDOWN_FILE = "evaluation.md"
_WIDTH = 400
"""Columns for a table on the terminal: it takes what it needs of them; cells are never broken."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: cells are text already, `note` says in a sentence or two how to read them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.title!r}: every row has {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a report as PNG and SVG; `name` is its files' name without suffix."""

    name: str
    caption: str
    png: bytes | None
    svg: bytes

    def files(self) -> dict[str, bytes]:
        """File name -> content."""
        files = {f"{self.name}.svg": self.svg}
        return files if self.png is None else {f"{self.name}.png": self.png} | files


def number(value: float, digits: int = 2) -> str:
    """A number with so many decimals; "–" where there is none."""
    return "–" if math.isnan(value) else _without_negative_zero(f"{value:.{digits}f}")


def percent(share: float, digits: int = 1) -> str:
    """A share 0-1 as percent, with the sign; "–" where there is none."""
    return "–" if math.isnan(share) else _without_negative_zero(f"{100 * share:.{digits}f}") + " %"


def _without_negative_zero(number: str) -> str:
    return number.removeprefix("-") if float(number) == 0 else number


def mean_and_deviation(mean: float, deviation: float, digits: int = 2) -> str:
    """As the paper prints it: "9.29 (2.93)"."""
    return f"{number(mean, digits)} ({number(deviation, digits)})"


def print_tables(tables: Sequence[Table], remarks: Sequence[str] = ()) -> None:
    """Print tables, then remarks, to stdout."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(width=_WIDTH, highlight=False)
    for table in tables:
        grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for index, column in enumerate(table.columns):
            numeric = index > 0 and all(row[index][:1].isdigit() or row[index] == "–" for row in table.rows)
            grid.add_column(column, justify="right" if numeric else "left", no_wrap=True)
        for row in table.rows:
            grid.add_row(*row)
        console.print(table.title, style="bold", markup=False)
        console.print(grid)
        if table.note:
            print(table.note)
        print()
    for remark in remarks:
        print(remark)


def markdown(title: str, tables: Sequence[Table], pictures: Sequence[Picture], remarks: Sequence[str] = ()) -> str:
    """The report as one Markdown page; pictures are linked as files beside it."""
    parts = [f"# {title}", *remarks]
    for table in tables:
        lines = [table.columns, ["---"] * len(table.columns), *table.rows]
        grid = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        parts += [f"## {table.title}", grid, *([table.note] if table.note else [])]
    if pictures:
        parts.append("## Pictures")
    for picture in pictures:
        file = f"{picture.name}.{'svg' if picture.png is None else 'png'}"
        parts += [f"![{picture.caption}]({file})", f"*{picture.caption}*"]
    return "\n\n".join(parts) + "\n"


def plain(value: Any) -> Any:
    """`value` as JSON knows it: arrays are lists, floats have six significant digits, NaN is null."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.6g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def check_out(out: Path, *, force: bool) -> None:
    """Raise InputError when `out` is a file, or a folder with something in it and `force` is false."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names a folder")
    if not force and out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; use --force to overwrite the report in it, or another --out")


def write_report(out: Path, files: Mapping[str, bytes], document: Mapping[str, Any], page: str, *, force: bool) -> None:
    """Write the pictures and tables of a report, its page and, when all else is there, its JSON document."""
    check_out(out, force=force)
    for name, content in files.items():
        write_whole(out / name, content, force=True)
    write_whole(out / MARKDOWN_FILE, page.encode(), force=True)
    write_whole(out / JSON_FILE, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode(), force=True)
