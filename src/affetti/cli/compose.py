"""`affetti compose`: melodies and piano pieces with a chosen emotion as MIDI, sound, scores or pictures of scores."""

import secrets
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affetti.cli.output import AsJson, Force, complain, print_json, printable, progress
from affetti.cli.piece_files import (
    FormatNames,
    Out,
    Soundfont,
    chosen_synthesiser,
    parse_formats,
    rendered_files,
    targets_of,
    write_files,
)
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.formats import Format

if TYPE_CHECKING:
    from affetti.piece import Piece
    from affetti.runtime.emotion_path import Wanted
    from affetti.runtime.melody_model import MelodyModel
    from affetti.runtime.piano_model import PianoModel

MAX_COUNT = 100_000
MANY = 20
"""Above so many pieces the text output is a summary, not a line for each."""


class System(StrEnum):
    """The systems that compose; each name is also that of its shipped weights."""

    EMOREG = "emoreg"
    MUSER = "muser"


MAX_BARS = {Format.MID: 400_000, Format.WAV: 10_000, Format.MUSICXML: 40_000, Format.SVG: 40_000}
"""Bars of one call, all pieces together: every file is made in memory (SVG: 20 KB a bar) before one is written. Only
sound (350 KB a bar at 120 quarters per minute) is made piece by piece as it is written."""

DEFAULT_SYSTEM = System.MUSER

DEFAULT_BARS = {System.EMOREG: 4, System.MUSER: 16}
"""Where no number is given; how long muser's free pieces are is then its own choice, and about as many."""


class Form(StrEnum):
    """The names of `runtime.piano_phrases.Form`."""

    SONG = "song"
    FREE = "free"


EmotionName = Annotated[
    str | None,
    typer.Option("--emotion", metavar="NAME", help="happy, angry, sad, calm; or Q1 to Q4; or e1 to e4."),
]
Valence = Annotated[float | None, typer.Option(metavar="V", help="-1 (unpleasant) to 1 (pleasant).")]
Arousal = Annotated[float | None, typer.Option(metavar="A", help="-1 (calm) to 1 (excited).")]
EmotionPathText = Annotated[
    str | None,
    typer.Option(
        "--path",
        metavar="PATH|FILE.csv",
        help="Emotions one after another, each with its bars: calm:8,tense:8,0.5/-0.2:4; or a file of bar, valence, "
        "arousal.",
    ),
]
SystemName = Annotated[
    System | None,
    typer.Option(
        "--system", help="emoreg: melodies; muser: piano pieces.", show_default="that of the weights, else muser"
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="NAME|DIR", help="Shipped weights, or a folder.", show_default="the system's"),
]
Count = Annotated[int, typer.Option(metavar="N", min=1, max=MAX_COUNT, help="How many pieces.")]
Seed = Annotated[
    int | None, typer.Option(metavar="S", help="The same seed gives the same bytes.", show_default="random")
]
Bars = Annotated[
    int | None,
    typer.Option(
        metavar="B",
        help="Length in bars of 4/4; of melodies a multiple of 4.",
        show_default="4; of piano pieces 16",
    ),
]
QuartersPerMinute = Annotated[
    float | None,
    typer.Option(
        "--tempo", metavar="BPM", help="Quarters per minute, 20 to 300.", show_default="120; muser: as composed"
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="As 'Eb'; major or minor follows the valence, or the piano piece.",
        show_default="C; muser: as composed",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(metavar="T", help="0.05 to 5: low plays safe, high dares.", show_default="the weights'"),
]
Nucleus = Annotated[
    float | None,
    typer.Option(metavar="P", help="Share of likeliest tokens to draw from.", show_default="the weights'"),
]
Strength = Annotated[
    float | None,
    typer.Option(metavar="S", help="muser: 0 to 10; above 1 the emotion is exaggerated.", show_default="the weights'"),
]
Drafts = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="muser: 1 to 16 pieces are composed for one that is kept, of those heard as asked.",
        show_default="the weights'",
    ),
]
FormName = Annotated[
    Form,
    typer.Option(
        "--form",
        help="muser: song: phrases return from 16 bars on, and a chord closes the piece; free: neither, and without "
        "--bars it ends where it likes.",
    ),
]
Greedy = Annotated[bool, typer.Option("--greedy", help="Always take the likeliest token.")]


def compose(
    emotion: EmotionName = None,
    valence: Valence = None,
    arousal: Arousal = None,
    path: EmotionPathText = None,
    system: SystemName = None,
    weights: Weights = None,
    count: Count = 1,
    seed: Seed = None,
    bars: Bars = None,
    tempo: QuartersPerMinute = None,
    key: Key = None,
    temperature: Temperature = None,
    nucleus: Nucleus = None,
    greedy: Greedy = False,
    strength: Strength = None,
    drafts: Drafts = None,
    form: FormName = Form.SONG,
    out: Out = None,
    format_names: FormatNames = "mid",
    soundfont: Soundfont = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Compose melodies or piano pieces with a chosen emotion: --emotion, or --valence with --arousal, or --path, along
    which it changes.

    Temperature and nucleus are those of melody tokens, or of the codes that a piano piece is planned in.
    """
    from affetti.runtime.emotion_path import EmotionPath, wanted_of

    wanted = wanted_of(emotion, valence, arousal, path)
    if isinstance(wanted, EmotionPath):
        if bars not in (None, wanted.bars):
            raise InputError(f"--bars is {bars}, but the path has {wanted.bars} bars: leave out --bars")
        bars = wanted.bars
    formats = parse_formats(format_names)
    if bars is not None or system is not None or weights is None:  # else the weights say how long pieces are
        _check_bars(count, DEFAULT_BARS[system or DEFAULT_SYSTEM] if bars is None else bars, formats)
    seed = secrets.randbelow(2**32) if seed is None else seed
    options: dict[str, Any] = {"seed": seed, "tempo": tempo, "key": key}
    options |= {"temperature": temperature, "nucleus": nucleus, "greedy": greedy}
    targets = targets_of(out, f"{_stem(wanted)}-{seed}", count, formats, force=force)
    synthesiser = chosen_synthesiser(formats, soundfont)

    model = _model(system, weights)
    if bars is None:
        _check_bars(count, DEFAULT_BARS[System(model.config.system)], formats)
    for name, value in {"strength": strength, "drafts": drafts}.items():
        if value is not None:
            if model.config.system != "muser":
                raise InputError(f"--{name} is for muser alone")
            options[name] = value
    composes_pieces = model.config.system == "muser"
    if composes_pieces:
        options["form"] = form.value
    elif form is not Form.SONG:
        raise InputError("--form is for muser alone")
    if bars is None and not (composes_pieces and form is Form.FREE):
        bars = DEFAULT_BARS[System(model.config.system)]
    if bars is not None:
        options["bars"] = bars
    options["path" if isinstance(wanted, EmotionPath) else "emotion"] = wanted
    title = "composing" if bars is None else f"composing {bars} bars each"
    with progress(title, total=count) as advance:
        pieces = model.compose_many(count, progress=advance, **options)
    files = rendered_files(targets, pieces, synthesiser)
    write_files(files, force=force)
    paths = [list(of_piece) for of_piece in files]
    if as_json:
        print_json(_document(model, wanted, seed, bars, paths, pieces))
    else:
        _print_text(model, wanted, seed, bars, paths, pieces)


def _model(system: System | None, weights: str | None) -> "MelodyModel | PianoModel":
    """The model to compose with. Raises InputError where there is none, or one of another system."""
    import affetti
    from affetti.runtime.piano_config import PianoModelConfig
    from affetti.runtime.recogniser import Recogniser

    model = affetti.load((system or DEFAULT_SYSTEM).value if weights is None else weights)
    if isinstance(model, Recogniser):
        raise InputError(f"the weights {model.config.name} compose nothing: affetti read hears with them")
    if system is not None and model.config.system != system:
        raise InputError(f"{weights} holds weights of {model.config.system}, not of {system}")
    if isinstance(model.config, PianoModelConfig) and model.config.is_test_model:
        complain(f"warning: {model.config.name} is a model for tests; what it composes is not music")
    return model


def _check_bars(count: int, bars: int, formats: tuple[Format, ...]) -> None:
    """Raise InputError for more music than one call can hold in memory."""
    format_name = min(formats, key=MAX_BARS.__getitem__)
    if count * bars > MAX_BARS[format_name]:
        limit = f"one call makes at most {MAX_BARS[format_name]:,} as {format_name}"
        raise InputError(f"{count:,} × {bars:,} bars are {count * bars:,}; {limit}")


def _stem(wanted: "Wanted") -> str:
    """The first part of a default file name: "happy", "v+0.80a-0.40", or "path"."""
    if isinstance(wanted, Quadrant):
        return wanted.label
    return f"v{wanted.valence:+.2f}a{wanted.arousal:+.2f}" if isinstance(wanted, Emotion) else "path"


def _document(
    model: "MelodyModel | PianoModel",
    wanted: "Wanted",
    seed: int,
    bars: int | None,
    paths: list[list[Path]],
    pieces: list["Piece"],
) -> dict[str, Any]:
    """The result as JSON: what was asked, who composed it, and each piece's files and length in seconds."""
    from affetti.runtime.piano_config import PianoModelConfig

    config = model.config
    tells_tests = {"is_test_model": config.is_test_model} if isinstance(config, PianoModelConfig) else {}
    return {
        "system": model.config.system,
        "weights": model.config.name,
        "weights_hash": model.weights_hash,
        **tells_tests,
        **_asked(wanted),
        "seed": seed,
        "bars": bars,
        "pieces": [
            {
                "paths": [str(path) for path in of_piece],
                "bars": _bars(piece) if bars is None else bars,
                "notes": len(piece.notes),
                "seconds": round(piece.duration_seconds, 3),
            }
            for of_piece, piece in zip(paths, pieces, strict=True)
        ],
    }


def _asked(wanted: "Wanted") -> dict[str, Any]:
    """What was asked for as JSON: an emotion by its name, a point, or a path."""
    asked: dict[str, Any] = dict.fromkeys(("emotion", "valence", "arousal", "quadrant", "path"))
    if isinstance(wanted, Quadrant):
        return asked | {"emotion": wanted.label, "quadrant": wanted.name}
    if isinstance(wanted, Emotion):
        return asked | {"valence": wanted.valence, "arousal": wanted.arousal, "quadrant": wanted.quadrant.name}
    return asked | {"path": str(wanted)}


def _print_text(
    model: "MelodyModel | PianoModel",
    wanted: "Wanted",
    seed: int,
    bars: int | None,
    paths: list[list[Path]],
    pieces: list["Piece"],
) -> None:
    """The result as text: a line for each piece, or a summary where there are many."""
    emotion = f"{wanted.label} ({wanted.name})" if isinstance(wanted, Quadrant) else _shortened(str(wanted))
    if len(pieces) > MANY:
        seconds = sum(piece.duration_seconds for piece in pieces)
        first, last = printable(paths[0][0]), printable(paths[-1][0].name)
        what = "melodies" if model.config.system == "emoreg" else "pieces"
        length = f"{sum(map(_bars, pieces)):,} bars" if bars is None else f"{bars} bars each"
        print(f"{first} … {last}: {len(pieces):,} {what}, {emotion}, {length}, {seconds:,.0f} s of music, seed {seed}")
        return
    for of_piece, piece in zip(paths, pieces, strict=True):
        files = ", ".join(map(printable, of_piece))
        of_piece_bars = _bars(piece) if bars is None else bars
        length = "1 bar" if of_piece_bars == 1 else f"{of_piece_bars} bars"
        print(f"{files}: {emotion}, {length}, {piece.duration_seconds:.1f} s, seed {seed}")


def _shortened(text: str) -> str:
    """A path of many segments by its beginning."""
    return text if len(text) <= 80 else f"{text[:79]}…"


def _bars(piece: "Piece") -> int:
    """Bars of 4/4 up to the last in which a note begins."""
    return piece.notes[-1].start_ticks // (4 * piece.ticks_per_quarter) + 1
