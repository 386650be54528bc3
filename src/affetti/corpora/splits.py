"""Which songs are for training, for validation and for the test: a rule, not a table.

The rule looks at a song's own name only. So a song keeps its split whatever else is there: in a subset of a corpus,
in its next version, and in all the prepared corpora that share its songs.
"""

import hashlib

SPLITS = ("train", "validation", "test")
"""By the number under which a prepared corpus stores them."""

TRAIN_PERCENT = 80
VALIDATION_PERCENT = 10


def split_of(corpus: str, song: str) -> int:
    """The split of a song, an index into SPLITS.

    SHA-256 of "CORPUS:SONG" in UTF-8, taken modulo 100: below 80 is training, below 90 validation, the rest test.
    """
    number = int(hashlib.sha256(f"{corpus}:{song}".encode("utf-8", "surrogateescape")).hexdigest(), 16) % 100
    return (number >= TRAIN_PERCENT) + (number >= TRAIN_PERCENT + VALIDATION_PERCENT)
