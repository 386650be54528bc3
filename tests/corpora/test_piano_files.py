"""Many files: kept parts, runs that stop and go on, the same bytes each time, and files that are no music."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from affetti.corpora import piano_files
from affetti.corpora.corpus import Preparation, no_progress, prepared_path, save_preparation
from affetti.corpora.piano_files import PianoCorpus, PianoFile, parts_folder, prepare_piano
from affetti.corpora.prepared_pieces import Columns, joined, separated
from affetti.corpora.preparing import Task, prepare_file, prepare_piece
from affetti.corpora.timeline import Timeline
from affetti.errors import InputError
from affetti.midi import read_midi
from tests.corpora.standins import counted, deadly, waltz, write_tree

NAMES = [f"{number:02}.mid" for number in range(10)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piano_files, "PART_FILES", 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "some", {name: waltz(2 + index % 3, 45 + index) for index, name in enumerate(NAMES)})


def prepare(root: Path, names: list[str] = NAMES, workers: int = 1, **options: object) -> Preparation:
    corpus = PianoCorpus("some", root, "1.0", "CC BY", split_rule="some")
    files = [PianoFile(name, song=name[0], quadrant=1 + index % 4) for index, name in enumerate(names)]
    options.setdefault("progress", no_progress)
    return prepare_piano(corpus, {"some": files}, workers=workers, **options)  # type: ignore[arg-type]


def saved(preparation: Preparation) -> bytes:
    save_preparation(preparation)
    return prepared_path("some").read_bytes()


def stop_after(steps: int) -> Callable[..., object]:
    """A progress bar that is interrupted, as by Ctrl-C, after so many files."""

    @contextmanager
    def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            if done >= steps:
                raise KeyboardInterrupt

        yield advance

    return progress


def test_a_stopped_run_goes_on_and_gives_the_same_bytes_as_any_other(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(root, progress=stop_after(8), prepare=counted)
    assert multiprocessing.active_children() == []
    assert len(list(parts_folder("some").iterdir())) == 2  # six of the eight files are kept
    resumed = saved(prepare(root, prepare=counted))
    assert all((root / name).with_suffix(".seen").read_text() == "x" for name in NAMES[:6])
    assert not parts_folder("some").exists()
    assert saved(prepare(root, workers=2)) == resumed


def test_a_part_that_was_spoilt_is_made_again(root: Path) -> None:
    whole = saved(prepare(root))
    with pytest.raises(KeyboardInterrupt):
        prepare(root, progress=stop_after(8))
    spoilt, *_ = sorted(parts_folder("some").iterdir())
    spoilt.write_bytes(spoilt.read_bytes()[:99])
    assert saved(prepare(root)) == whole


def test_a_file_that_kills_its_process_is_left_out_and_listed(root: Path) -> None:
    (root / "04.mid").rename(root / "deadly.mid")
    names = ["deadly.mid" if name == "04.mid" else name for name in NAMES]
    preparation = prepare(root, names, workers=2, prepare=deadly)
    assert [reject.file for reject in preparation.rejects] == ["deadly.mid"]
    assert "died (exit code 9)" in preparation.rejects[0].reason
    assert len(preparation.corpora["some"].names) == 9


@pytest.mark.usefixtures("in_process")
class TestInOneProcess:
    def test_what_the_corpus_says_goes_with_the_right_file(self, root: Path) -> None:
        (root / "01.mid").write_bytes(b"no MIDI")
        (root / "07.mid").unlink()
        pieces = prepare(root).corpora["some"]
        assert pieces.names == tuple(name for name in NAMES if name not in ("01.mid", "07.mid"))
        assert pieces.quadrants.tolist() == [1, 3, 4, 1, 2, 3, 1, 2]
        assert pieces.notes_in.tolist() == [12, 24, 12, 18, 24, 12, 24, 12]
        assert pieces.song_names == ("0",)
        assert len(set(pieces.splits.tolist())) == 1
        assert pieces.origin.licence == "CC BY"

    def test_reasons_do_not_repeat_the_path(self, root: Path) -> None:
        (root / "01.mid").write_bytes(b"no MIDI")
        (root / "02.mid").write_bytes(b"")
        (root / "07.mid").unlink()
        rejects = {reject.file: reject.reason for reject in prepare(root).rejects}
        assert rejects["02.mid"] == "an empty file"
        assert rejects["07.mid"] == "no such file"
        assert str(root) not in rejects["01.mid"]

    def test_a_changed_file_or_timeline_is_prepared_again(self, root: Path) -> None:
        prepare(root, prepare=counted)
        (root / "09.mid").write_bytes(waltz(7))
        pieces = prepare(root, prepare=counted).corpora["some"]
        assert pieces.notes_in[9] == 42
        assert [(root / name).with_suffix(".seen").read_text() for name in ("08.mid", "09.mid")] == ["x", "xx"]
        corpus = PianoCorpus("some", root, "1.0", "CC BY", split_rule="some")
        timed = [PianoFile(name, "s", timeline=Timeline(1.0, (0.25,), (0.5,))) for name in NAMES]
        again = prepare_piano(corpus, {"some": timed}, no_progress, 1).corpora["some"]
        assert np.unique(again.bar_emotions, axis=0).tolist() == [[0.25, 0.5]]

    def test_nothing_but_bad_files_is_one_clear_line(self, root: Path) -> None:
        for name in NAMES:
            (root / name).write_bytes(b"")
        with pytest.raises(InputError, match=r"none of the 10 files in .* can be used: 00.mid: an empty file"):
            prepare(root)


def in_bars_asked_for(task: Task) -> Columns:
    """As the real one, in bars of 12 sixteenths for files that are called so; where bars are asked for, in those."""
    columns = prepare_file(task)
    heard = 12 if "in_3" in task.path.name else 16
    columns["bar_steps"] = np.full_like(columns["bar_steps"], task.bar_steps or heard)
    return columns


def test_a_song_that_is_performed_has_one_metre(tmp_path: Path) -> None:
    """Clips are heard again in the metre of most bars of their song, 4/4 where there are as many of both."""
    names = ["a_1.mid", "a_2_in_3.mid", "b_1_in_3.mid", "b_2_in_3.mid", "b_3.mid", "c_1_in_3.mid"]
    root = write_tree(tmp_path / "some", {name: waltz(4, 45 + index) for index, name in enumerate(names)})
    files = [PianoFile(name, song=name[0]) for name in names]
    for is_performed, heard in ((True, [16, 16, 12, 12, 12, 12]), (False, [16, 12, 12, 12, 16, 12])):
        corpus = PianoCorpus("some", root, "1.0", "CC BY", split_rule="some", is_performed=is_performed)
        found = prepare_piano(corpus, {"some": files}, no_progress, 1, prepare=in_bars_asked_for).corpora["some"]
        assert [int(found.piece(index).bar_steps[0]) for index in range(len(files))] == heard


def test_columns_come_apart_as_they_were_joined() -> None:
    pieces = [prepare_piece(read_midi(waltz(bars))) for bars in (2, 5, 3)]
    for apart, whole in zip(separated(joined(pieces)), pieces, strict=True):
        assert apart.keys() == whole.keys()
        assert all(np.array_equal(apart[name], whole[name], equal_nan=True) for name in whole)
