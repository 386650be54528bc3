"""Print command 1 or 2 of README.md: `python3 .ci/readme_commands.py 1`.

CI runs what a reader copies, not a copy of it. The commands are the first two fenced `sh` blocks; the README
opens with them, before its first section.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def commands(readme: str) -> list[str]:
    """The two commands a README opens with. Raises ValueError when it opens with more or fewer."""
    opening = re.split(r"^## ", readme, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", opening, flags=re.MULTILINE | re.DOTALL)
    if len(blocks) != 2:
        raise ValueError(f"README.md opens with {len(blocks)} fenced sh blocks; it must be 2")
    return blocks


if __name__ == "__main__":
    print(commands(README.read_text(encoding="utf-8"))[int(sys.argv[1]) - 1], end="")
