"""MIDI in and out: what a file says is what the piece holds, and a piece survives the round trip."""

import io
import json
from collections import Counter, defaultdict, deque
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.errors import InputError
from affetti.midi import MAX_TICKS, MAX_TRACKS, midi_bytes, read_midi, write_midi
from affetti.piece import CHORD_QUALITIES, Chord, KeySignature, Marker, Note, Piece, Tempo, TimeSignature, Track
from tests import smf

Plain = tuple[int, int, int, int]
"""A note as (start, pitch, duration, velocity)."""


def plain(track: Track) -> list[Plain]:
    return [(note.start_ticks, note.pitch, note.duration_ticks, note.velocity) for note in track.notes]


def paired_first_in_first_out(track: Track) -> Track:
    """The track a MIDI file can hold: of overlapping notes of one pitch, the first to start ends first."""
    by_pitch: dict[int, list[Note]] = defaultdict(list)
    for note in track.notes:
        by_pitch[note.pitch].append(note)
    notes = []
    for same_pitch in by_pitch.values():
        ends = sorted(note.end_ticks for note in same_pitch)
        notes += [
            replace(note, duration_ticks=end - note.start_ticks) for note, end in zip(same_pitch, ends, strict=True)
        ]
    return replace(track, notes=tuple(notes))


TICKS = st.integers(0, 5_000) | st.integers(0, MAX_TICKS // 2)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NOTES = st.builds(Note, TICKS, st.sampled_from([0, 60, 61, 127]), TICKS, st.integers(1, 127))
TRACKS = st.builds(
    Track,
    st.lists(NOTES, min_size=1, max_size=30).map(tuple),
    name=TEXT,
    program=st.integers(0, 127),
    is_drum=st.booleans(),
)


def in_order(events: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(events, max_size=40).map(lambda found: tuple(sorted(found, key=lambda e: e.start_ticks)))


PIECES = st.builds(
    Piece,
    st.integers(1, 32767),
    st.lists(TRACKS, min_size=1, max_size=4).map(tuple),
    tempos=in_order(st.builds(Tempo, TICKS, st.integers(358, 50_000).map(lambda hundredths: hundredths / 100))),
    time_signatures=in_order(
        st.builds(TimeSignature, TICKS, st.integers(1, 255), st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))
    ),
    key_signatures=in_order(st.builds(KeySignature, TICKS, st.integers(-7, 7), st.booleans())),
    markers=in_order(st.builds(Marker, TICKS, TEXT.filter(lambda text: Chord.named(0, text) is None))),
    chords=in_order(
        st.builds(Chord, TICKS) | st.builds(Chord, TICKS, st.integers(0, 11), st.sampled_from(CHORD_QUALITIES))
    ),
)


@settings(deadline=None)
@given(PIECES)
def test_a_piece_survives_the_round_trip_exactly(piece: Piece) -> None:
    expected = replace(piece, tracks=tuple(map(paired_first_in_first_out, piece.tracks)))
    data = midi_bytes(piece)
    assert read_midi(data) == expected
    assert midi_bytes(expected) == midi_bytes(read_midi(data)), "what was read is written in the same bytes"


def test_provenance_survives_in_a_marker() -> None:
    facts = {
        "system": "emoreg",
        "emotion": "traurig – 悲しい 🎵",
        "options": {str(i): "x" * 40 for i in range(200)},
    }
    for text in (json.dumps(facts), json.dumps(facts, ensure_ascii=False)):
        piece = Piece(480, (Track((Note(0, 60, 480),)),)).with_marker(text)
        assert len(text) > 8_000
        assert json.loads(read_midi(midi_bytes(piece)).markers[0].text) == facts


def test_every_chord_survives_as_a_marker_and_other_markers_stay_markers() -> None:
    chords = tuple(Chord(root, root, quality) for root in range(12) for quality in CHORD_QUALITIES)
    markers = (Marker(0, "Verse"), Marker(3, "C:major"), Marker(7, "c:maj"), Marker(12, "N.C"))
    piece = Piece(480, (Track((Note(0, 60, 480),)),), markers=markers, chords=(*chords, Chord(12)))
    assert read_midi(midi_bytes(piece)) == piece
    texts = [
        message.text
        for track in mido.MidiFile(file=io.BytesIO(midi_bytes(piece))).tracks
        for message in track
        if message.type == "marker"
    ]
    assert Counter(texts) == Counter(marker.text for marker in markers) + Counter(c.name for c in chords) + Counter(
        ["N.C."]
    )


def test_a_marker_that_names_a_chord_is_that_chord() -> None:
    events = smf.meta(6, b"F#:min7") + smf.QUARTER + smf.meta(6, b"N.C.") + smf.meta(6, b"F#:min")
    piece = read_midi(smf.file(events))
    assert [(chord.root, chord.quality) for chord in piece.chords] == [(6, "min7"), (None, None), (6, "min")]
    assert piece.markers == ()


def test_many_simultaneous_settings_keep_their_order() -> None:
    # symusic sorts them unstably when there are more than two dozen; the last tempo is the one that counts
    piece = Piece(
        480,
        (Track((Note(0, 60, 480),)),),
        tempos=tuple(Tempo(0, 60.0 + index) for index in range(100)),
        markers=tuple(Marker(index // 50, f"marker {index}") for index in range(100)),
        chords=tuple(Chord(index // 50, index % 12, "maj") for index in range(100)),
    )
    assert read_midi(midi_bytes(piece)) == piece


@pytest.mark.parametrize("tempo", [90.0, 93.7, 119.99, 66.667, 200.5])
def test_a_tempo_with_few_decimals_is_read_as_it_was_meant(tempo: float) -> None:
    piece = Piece(480, (Track((Note(0, 60, 480),)),), tempos=(Tempo(0, tempo),))
    assert read_midi(midi_bytes(piece)).tempos[0].quarters_per_minute == tempo


def test_a_repeated_note_ends_before_it_starts_again() -> None:
    # the other order would silence the second note in a player
    piece = Piece(480, (Track((Note(0, 60, 480), Note(480, 60, 480))),))
    messages = [m for m in mido.MidiFile(file=io.BytesIO(midi_bytes(piece))).tracks[-1] if hasattr(m, "note")]
    kinds = [(message.type == "note_on", message.time) for message in messages]
    assert kinds == [(True, 0), (False, 480), (True, 0), (False, 480)]


def test_tracks_without_notes_are_left_out() -> None:
    piece = Piece(480, (Track((), name="silent"), Track((Note(0, 60, 480),), name="sounding")))
    assert [track.name for track in read_midi(midi_bytes(piece)).tracks] == ["sounding"]


# ---- files as others write them


def test_type_0_is_split_by_channel_and_program() -> None:
    events = smf.note(60, 100) + smf.note(64, 100, channel=1) + smf.note(36, 10, channel=9)
    events += b"\x00\xc0\x28" + smf.note(67, 50)  # channel 1 changes to the violin
    piece = read_midi(smf.file(smf.meta(3, b"all in one") + events, kind=0))
    found = [(track.program, track.is_drum, plain(track)) for track in piece.tracks]
    assert found == [
        (0, False, [(0, 60, 100, 80)]),
        (40, False, [(210, 67, 50, 80)]),
        (0, False, [(100, 64, 100, 80)]),
        (0, True, [(200, 36, 10, 80)]),
    ]
    assert {track.name for track in piece.tracks} == {"all in one"}
    assert [note.pitch for note in piece.notes] == [60, 64, 67], "drums are no melody"


def test_type_1_gathers_tempo_and_metre_from_all_tracks() -> None:
    conductor = smf.meta(0x51, b"\x07\xa1\x20") + smf.meta(0x58, b"\x06\x03\x18\x08", delta=960)
    other = smf.note(60, 480) + smf.meta(0x51, b"\x0f\x42\x40") + smf.meta(0x59, b"\xfd\x01")
    piece = read_midi(smf.file(conductor, other))
    assert piece.tempos == (Tempo(0, 120.0), Tempo(480, 60.0))
    assert piece.time_signatures == (TimeSignature(960, 6, 8),)
    assert piece.key_signatures == (KeySignature(480, -3, True),)
    assert piece.duration_seconds == 0.5


@pytest.mark.parametrize(
    ("events", "notes"),
    [
        pytest.param(b"\x00\x90\x3c\x50\x60\x3c\x00\x00\x3e\x50\x60\x3e\x00", [(0, 60), (96, 62)], id="running"),
        pytest.param(b"\x00\x90\x3c\x50\x60\x90\x3c\x00", [(0, 60)], id="velocity 0 ends"),
        pytest.param(
            b"\x00\x90\x3c\x50" + smf.meta(1, b"a text") + b"\x60\x3c\x00",
            [(0, 60)],
            id="running after a text",
        ),
        pytest.param(b"\x00\x90\x3c\x50" + smf.note(62, 96), [(0, 62)], id="a note never released"),
        pytest.param(b"\x00\x80\x3c\x00" + smf.note(62, 96), [(0, 62)], id="a release without a note"),
        pytest.param(b"\x00\xf0\x03\x01\x02\xf7" + smf.note(62, 96), [(0, 62)], id="system exclusive"),
        pytest.param(b"\x00\xf7\x03\x01\x02\xf7" + smf.note(62, 96), [(0, 62)], id="system exclusive, escaped"),
    ],
)
def test_notes_of_96_ticks_are_read_from(events: bytes, notes: list[tuple[int, int]]) -> None:
    (track,) = read_midi(smf.file(events)).tracks
    assert [(start, pitch, duration) for start, pitch, duration, _ in plain(track)] == [(*n, 96) for n in notes]


def test_overlapping_notes_of_one_pitch_are_paired_first_in_first_out() -> None:
    events = b"\x00\x90\x3c\x50\x0a\x3c\x40\x0a\x3c\x00\x0a\x3c\x00"
    (track,) = read_midi(smf.file(events)).tracks
    assert plain(track) == [(0, 60, 20, 80), (10, 60, 20, 64)]


def test_what_needs_no_refusal_is_passed_over() -> None:
    body = smf.QUARTER + smf.END + b"events after the end"
    data = smf.header(tracks=1) + smf.chunk(b"?", tag=b"XFIH") + smf.chunk(body) + b"and after the file"
    assert [len(track.notes) for track in read_midi(data).tracks] == [1]
    assert read_midi(smf.header() + smf.chunk(smf.QUARTER)).tracks, "the end-of-track event is missing"
    latin = read_midi(smf.file(smf.QUARTER + smf.meta(6, b"caf\xe9")))
    assert latin.markers[0].text == "caf\ufffd"


# ---- what cannot be written


@pytest.mark.parametrize(
    ("piece", "complaint"),
    [
        (Piece(480, ()), "empty"),
        (Piece(0, (Track(()),)), "ticks per quarter"),
        (Piece(40_000, (Track(()),)), "ticks per quarter"),
        (Piece(480, (Track((Note(0, 128, 1),)),)), "pitch or velocity"),
        (Piece(480, (Track((Note(0, 60, 1, 0),)),)), "pitch or velocity"),
        (Piece(480, (Track((Note(-1, 60, 1),)),)), "times"),
        (Piece(480, (Track((Note(5, 60, -1),)),)), "times"),
        (Piece(480, (Track((Note(MAX_TICKS, 60, 1),)),)), "times"),
        (Piece(480, (Track((), program=128),)), "track"),
        (Piece(480, (Track((), name="\ud800"),)), "track"),
        (Piece(480, (Track(()),) * (MAX_TRACKS + 1)), "tracks"),
        (Piece(480, (), tempos=(Tempo(0, 0.0),)), "tempo"),
        (Piece(480, (), tempos=(Tempo(0, float("nan")),)), "tempo"),
        (Piece(480, (), tempos=(Tempo(0, 3.5),)), "tempo"),
        (Piece(480, (), time_signatures=(TimeSignature(0, 4, 3),)), "time signature"),
        (Piece(480, (), key_signatures=(KeySignature(0, 8, False),)), "key signature"),
        (Piece(480, (), markers=(Marker(0, "\udcff"),)), "marker"),
        (Piece(480, (), markers=(Marker(-1, "early"),)), "time"),
        (Piece(480, (), chords=(Chord(-1, 0, "maj"),)), "time"),
    ],
)
def test_impossible_values_are_refused_in_one_line(piece: Piece, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as refusal:
        midi_bytes(piece)
    assert "\n" not in str(refusal.value)


def test_a_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "piece.mid"
    piece = Piece(480, (Track((Note(0, 60, 480),)),))
    piece.save(path)
    with pytest.raises(InputError, match="exists"):
        piece.save(str(path))
    other = replace(piece, ticks_per_quarter=96)
    write_midi(other, path, force=True)
    assert read_midi(path) == other


# ---- whole corpora, and mido as an independent reader


def notes_by_mido(data: bytes) -> list[tuple[int, bool, list[Plain]]]:
    """(program, is_drum, notes) for each track, channel and program, read by mido and paired here."""
    found = []
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        now, programs = 0, Counter()
        sounding, notes = defaultdict(deque), defaultdict(list)
        for message in track:
            now += message.time
            if message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type == "note_on" and message.velocity:
                sounding[message.channel, message.note].append((now, message.velocity))
            elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
                start, velocity = sounding[message.channel, message.note].popleft()
                key = message.channel, programs[message.channel]
                notes[key].append((start, message.note, now - start, velocity))
        found += [(program, channel == 9, sorted(notes[channel, program])) for channel, program in sorted(notes)]
    return found


def corpus_files(shared_data: Path, corpus: str) -> list[Path]:
    """All melodies of musgenvae; of the larger corpora every 20th file."""
    files = sorted((shared_data / corpus).rglob("*.mid"))
    return files if corpus == "musgenvae" else files[::20]


CORPORA = [("musgenvae", 504), ("emopia", 48), ("vgmidi", 18), ("pop909", 46)]


@pytest.mark.corpus
@pytest.mark.parametrize(("corpus", "count"), CORPORA)
def test_files_of_a_corpus_survive_and_agree_with_mido(shared_data: Path, corpus: str, count: int) -> None:
    files = corpus_files(shared_data, corpus)
    assert len(files) == count
    for path in files:
        piece = read_midi(path)
        assert piece.notes, path
        assert read_midi(midi_bytes(piece)) == piece, path
        found = [(track.program, track.is_drum, plain(track)) for track in piece.tracks]
        assert found == notes_by_mido(path.read_bytes()), path
        tempos = [m.tempo for t in mido.MidiFile(path).tracks for m in t if m.type == "set_tempo"]
        assert sorted(tempos) == sorted(round(60e6 / tempo.quarters_per_minute) for tempo in piece.tempos)
        assert all(first.start_ticks <= second.start_ticks for first, second in pairwise(piece.tempos))
