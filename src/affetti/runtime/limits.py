"""What both systems accept of those who ask for music."""

from affetti.errors import InputError

MAX_SEED = 2**32 - 1


def check_seed(seed: int) -> None:
    """Raise InputError for a seed outside 0 to 2^32 - 1."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed is {seed}; it must be between 0 and {MAX_SEED}")


def checked_tempo(quarters_per_minute: float) -> float:
    """The tempo as a float. Raises InputError outside 20 to 300 quarters per minute."""
    if not 20 <= quarters_per_minute <= 300:
        raise InputError(f"tempo is {quarters_per_minute}; it must be between 20 and 300 quarters per minute")
    return float(quarters_per_minute)
