"""Puts the tables of docs/muser/disentanglement/evaluation.md into docs/what-carries-emotion.md.

    affetti evaluate muser --disentanglement --out docs/muser/disentanglement --force
    python docs/make_what_carries_emotion.py

A table stands under a comment with its title, `<!-- table: What carries arousal -->`, and ends at an empty line.
"""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "what-carries-emotion.md"
REPORT = Path(__file__).parent / "muser" / "disentanglement" / "evaluation.md"

_TABLE = re.compile(r"(<!-- table: (?P<title>.+?) -->\n\n)(?:\|.*\n)*")


def tables(report: str) -> dict[str, str]:
    """The tables of a report by their titles."""
    found = re.findall(r"^## (.+)\n\n((?:\|.*\n)+)", report, re.MULTILINE)
    return dict(found)


def page(text: str, report: str) -> str:
    """The page with the tables that its comments name. Raises KeyError for one that the report does not have."""
    own = tables(report)
    return _TABLE.sub(lambda match: match[1] + own[match["title"]], text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8"), REPORT.read_text("utf-8")), "utf-8")
