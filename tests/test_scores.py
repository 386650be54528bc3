"""Scores: the notes a reader would play from them are the notes of the piece."""

import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from affetti.errors import InputError
from affetti.piece import Chord, KeySignature, Note, Piece, Tempo, TimeSignature, Track
from affetti.scores import MAX_BARS, MAX_NAME, MAX_NOTES, musicxml, svg_pages
from affetti.tokens.melody import HOLD, REST, decode, encode

pytest.importorskip("music21")
pytest.importorskip("verovio")

HEADS = {"16th": 1, "eighth": 2, "quarter": 4, "half": 8, "whole": 16}
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def tree(piece: Piece) -> ElementTree.Element:
    return ElementTree.fromstring(musicxml(piece))


def pitch_of(note: ElementTree.Element) -> int:
    step, octave = note.findtext("pitch/step", ""), int(note.findtext("pitch/octave", ""))
    return STEPS[step] + int(note.findtext("pitch/alter", "0")) + 12 * (octave + 1)


def length_of(note: ElementTree.Element, divisions: int) -> int:
    """The length in sixteenths; where a note head is given it must say the same."""
    length = int(note.findtext("duration", "")) * 4 // divisions
    if head := note.findtext("type"):
        assert length == HEADS[head] * (1.5 if note.find("dot") is not None else 1)
    else:
        assert note.find("rest").attrib == {"measure": "yes"}
    return length


def read_back(part: ElementTree.Element, staff: str | None = None) -> list[tuple[int, int, int]]:
    """(start, pitch, end) in sixteenths of what a part, or one staff of it, says, ties joined; voices must be full."""
    divisions = int(part.findtext("measure/attributes/divisions", ""))
    found: list[tuple[int, int, int]] = []
    open_ties: dict[tuple[str, int], int] = {}
    bar_start = full = 0
    for measure in part.findall("measure"):
        now = bar_start
        lengths: dict[str, int] = {}
        if beats := measure.findtext("attributes/time/beats"):
            full = int(beats) * 16 // int(measure.findtext("attributes/time/beat-type", ""))
        for element in measure:
            if element.tag in ("backup", "forward"):
                length = int(element.findtext("duration", "")) * 4 // divisions
                now += length if element.tag == "forward" else -length
            elif element.tag == "note":
                length = length_of(element, divisions)
                if element.find("chord") is not None:
                    now -= length
                else:
                    voice = element.findtext("voice", "")
                    lengths[voice] = lengths.get(voice, 0) + length
                if element.find("rest") is None and staff in (None, element.findtext("staff")):
                    pitch = pitch_of(element)
                    tie = (element.findtext("staff", ""), pitch)
                    ties = {one.attrib["type"] for one in element.findall("tie")}
                    start = open_ties.pop(tie) if "stop" in ties else now
                    if "start" in ties:
                        open_ties[tie] = start
                    else:
                        found.append((start, pitch, now + length))
                now += length
        assert set(lengths.values()) == {full}
        bar_start += full
    assert not open_ties
    return sorted(found)


def sixteenths(piece: Piece) -> list[tuple[int, int, int]]:
    scale = 4 / piece.ticks_per_quarter
    return sorted((int(n.start_ticks * scale), n.pitch, int(n.end_ticks * scale)) for n in piece.notes)


MELODIES = st.lists(st.sampled_from([48, 60, 61, 63, 66, 68, 70, 72, HOLD, HOLD, HOLD, REST]), min_size=1, max_size=48)


@settings(deadline=None, max_examples=30)
@given(MELODIES, st.integers(-7, 7), st.booleans(), st.sampled_from(["4/4", "3/4", "6/8", "5/8", "2/2", "7/16"]))
def test_a_melody_is_read_back_from_its_score_exactly(
    tokens: list[int], sharps: int, is_minor: bool, metre: str
) -> None:
    numerator, denominator = map(int, metre.split("/"))
    piece = decode([60, *tokens])
    piece = Piece(
        480,
        piece.tracks,
        time_signatures=(TimeSignature(0, numerator, denominator),),
        key_signatures=(KeySignature(0, sharps, is_minor),),
    )
    (part,) = tree(piece).findall("part")
    assert read_back(part) == sixteenths(piece)
    assert part.findtext("measure/attributes/time/beats") == str(numerator)
    assert part.findtext("measure/attributes/key/fifths") == str(sharps)
    assert [m.attrib["number"] for m in part.findall("measure")] == [str(n + 1) for n in range(len(part))]


def heads_of(measure: ElementTree.Element) -> str:
    """The note heads of a bar: 4 is a quarter, 4. a dotted one, r4 a rest, 4~ one that is tied on."""
    heads = []
    for note in measure.findall("note"):
        value = 16 // HEADS[note.findtext("type", "")]
        ties = {tie.attrib["type"] for tie in note.findall("tie")}
        rest, dot = note.find("rest") is not None, note.find("dot") is not None
        heads.append("r" * rest + str(value) + "." * dot + "~" * ("start" in ties))
    return " ".join(heads)


@pytest.mark.parametrize(
    ("metre", "notes", "heads"),
    [
        ("4/4", [(14, 4)], ["r2 r4 r8 8~", "8 r8 r4 r2"]),  # over a bar line
        ("4/4", [(2, 4), (6, 2), (8, 8)], ["r8 4 8 2"]),  # the plain syncopation
        ("4/4", [(0, 6), (6, 2), (8, 5), (13, 3)], ["4. 8 4~ 16 8."]),
        ("4/4", [(1, 6), (7, 9)], ["r16 8.~ 8. 16~ 2"]),  # off the beat, cut at beats
        ("6/8", [(0, 8), (8, 4)], ["4.~ 8 4"]),  # cut at dotted quarters
        ("3/4", [(0, 12), (12, 2), (20, 4)], ["2.", "8 r8 r4 4"]),
    ],
)
def test_notes_are_written_as_readers_expect(metre: str, notes: list[tuple[int, int]], heads: list[str]) -> None:
    numerator, denominator = map(int, metre.split("/"))
    track = Track(tuple(Note(start * 120, 72, length * 120) for start, length in notes))
    piece = Piece(480, (track,), time_signatures=(TimeSignature(0, numerator, denominator),))
    assert [heads_of(measure) for measure in tree(piece).findall("part/measure")] == heads


@pytest.mark.parametrize(
    ("sharps", "is_minor", "names"),
    [
        (0, False, "C C# D E- E F F# G G# A B- B"),
        (-3, True, "C D- D E- E F F# G A- A B- B"),
        (4, False, "B# C# D D# E E# F# G G# A A# B"),
        (1, True, "C C# D D# E F F# G G# A A# B"),
    ],
)
def test_pitches_are_spelled_as_the_key_asks(sharps: int, is_minor: bool, names: str) -> None:
    notes = tuple(Note(index * 480, 60 + index, 480) for index in range(12))
    piece = Piece(480, (Track(notes),), key_signatures=(KeySignature(0, sharps, is_minor),))
    signs = {"-1": "-", "0": "", "1": "#", "2": "##"}
    written = [
        f"{note.findtext('pitch/step')}{signs[note.findtext('pitch/alter', '0')]}"
        for note in tree(piece).findall("part/measure/note")
        if note.find("rest") is None
    ]
    assert " ".join(written) == names


@pytest.mark.parametrize(
    ("pitches", "fifths"),
    [
        ([60, 62, 64, 65, 67, 64, 60], 0),
        ([60, 62, 63, 65, 67, 63, 62, 60, 59, 60], -3),
        ([66, 68, 70, 71, 73, 70, 66, 65, 66], 6),
    ],
)
def test_a_piece_without_a_key_is_written_in_the_one_that_is_heard(pitches: list[int], fifths: int) -> None:
    piece = decode([token for pitch in pitches for token in (pitch, HOLD, HOLD, HOLD)])
    assert tree(piece).findtext("part/measure/attributes/key/fifths") == str(fifths)


@pytest.mark.parametrize("lowest", range(60, 72))
@pytest.mark.parametrize("intervals", [(0,), (0, 2, 4, 5), (0, 2, 4, 5, 7, 9, 11)])
def test_a_melody_within_a_scale_needs_no_accidental(lowest: int, intervals: tuple[int, ...]) -> None:
    score = tree(decode([token for interval in intervals for token in (lowest + interval, HOLD)]))
    assert score.find(".//accidental") is None
    assert -7 <= int(score.findtext("part/measure/attributes/key/fifths", "")) <= 7


def test_the_hands_of_a_pianist_have_a_staff_each() -> None:
    right = tuple(Note(index * 480, pitch, 480) for index, pitch in enumerate([72, 74, 76, 77]))
    left = tuple(Note(0, pitch, 1920) for pitch in (48, 52, 55))
    one_track = Piece(480, (Track(tuple(sorted(right + left))),))
    two_tracks = Piece(480, (Track(left, name="LH"), Track(right, name="RH")))
    for piece in (one_track, two_tracks):
        (part,) = tree(piece).findall("part")
        assert read_back(part, "1") == [(4 * i, pitch, 4 * i + 4) for i, pitch in enumerate([72, 74, 76, 77])]
        assert read_back(part, "2") == [(0, 48, 16), (0, 52, 16), (0, 55, 16)]
        assert [clef.findtext("sign") for clef in part.findall("measure/attributes/clef")] == ["G", "F"]
        assert part.findtext("measure/attributes/staves") == "2"


def test_a_chord_lasts_until_the_next_one_of_its_voice() -> None:
    piece = Piece(480, (Track((Note(0, 72, 1920), Note(480, 76, 480), Note(960, 79, 240), Note(960, 76, 960))),))
    (part,) = tree(piece).findall("part")
    assert read_back(part) == [(0, 72, 4), (4, 76, 8), (8, 76, 16), (8, 79, 16)]


def test_a_held_note_has_a_voice_of_its_own() -> None:
    """A melody of half notes above chords on each quarter; the rests of the lower voice are not drawn."""
    melody = tuple(Note(start * 120, pitch, 960) for start, pitch in ((0, 84), (8, 83), (16, 81), (24, 79)))
    chords = tuple(Note(start * 120, pitch, 240) for start in range(4, 32, 8) for pitch in (72, 76))
    (part,) = tree(Piece(480, (Track(melody + chords),))).findall("part")
    written = read_back(part)
    assert [(start, end) for start, pitch, end in written if pitch > 77] == [(0, 8), (8, 16), (16, 24), (24, 32)]
    assert [(start, end) for start, pitch, end in written if pitch == 72] == [(s, s + 2) for s in range(4, 32, 8)]
    assert {note.findtext("voice") for note in part.iter("note")} == {"1", "2"}
    rests = [note.attrib.get("print-object") for note in part.iter("note") if note.find("rest") is not None]
    assert set(rests) == {"no"}
    stems = {(note.findtext("voice"), note.findtext("stem")) for note in part.iter("note") if note.findtext("stem")}
    assert stems == {("1", "up"), ("2", "down")}


PIANO_NOTES = st.builds(
    lambda start, pitch, length: Note(start * 120, pitch, length * 120),
    st.integers(0, 47),
    st.integers(28, 100),
    st.integers(1, 24),
)


@settings(max_examples=10, phases=(Phase.explicit, Phase.generate))
@given(st.lists(PIANO_NOTES, min_size=2, max_size=30), st.sampled_from(["4/4", "3/4", "6/8"]), st.integers(-5, 5))
def test_music21_reads_the_pitches_of_each_bar_back(notes: list[Note], metre: str, sharps: int) -> None:
    import music21

    numerator, denominator = map(int, metre.split("/"))
    piece = Piece(
        480,
        (Track(tuple(notes)),),
        time_signatures=(TimeSignature(0, numerator, denominator),),
        key_signatures=(KeySignature(0, sharps, False),),
        chords=(Chord(0, 0, "maj7"), Chord(600, 6, "hdim7"), Chord(1320, None, None)),
    )
    text = musicxml(piece)
    score = music21.converter.parseData(text, format="musicxml")
    bar = 4 * numerator * 4 // denominator
    written = set()
    for measure in score.recurse().getElementsByClass(music21.stream.Measure):
        for note in measure.recurse().notes:
            if not isinstance(note, music21.harmony.Harmony) and (note.tie is None or note.tie.type == "start"):
                start = (measure.number - 1) * bar + 4 * note.getOffsetInHierarchy(measure)
                written |= {(int(start), pitch.midi) for pitch in note.pitches}
    assert written == {(start, pitch) for start, pitch, _ in sixteenths(piece)}
    for part in ElementTree.fromstring(text).findall("part"):
        read_back(part)  # every voice fills every bar
        staves = {note.findtext("staff") for note in part.iter("note")}
        for staff in staves:
            voices = {note.findtext("voice", "1") for note in part.iter("note") if note.findtext("staff") == staff}
            assert voices <= ({"5", "6"} if staff == "2" else {"1", "2"})


def test_chords_are_named_above_the_first_staff() -> None:
    """Also where they change inside a note: the name then stands before that note, later in time."""
    chords = (Chord(0, 9, "min7"), Chord(480, 9, "min7"), Chord(960, 10, "7"), Chord(1920, None, None))
    notes = (Note(0, 69, 1920), Note(0, 45, 1920), Note(1920, 70, 1920), Note(1920, 46, 1920))
    piece = Piece(480, (Track(notes),), key_signatures=(KeySignature(0, -1, False),), chords=chords)
    (part,) = tree(piece).findall("part")
    divisions = int(part.findtext("measure/attributes/divisions", ""))
    found = []
    for number, measure in enumerate(part.findall("measure")):
        elements = list(measure)
        for place, element in enumerate(elements):
            if element.tag == "harmony":
                assert elements[place + 1].tag in ("harmony", "note")
                offset = int(element.findtext("offset", "0")) / divisions
                root = element.findtext("root/root-step", "") + element.findtext("root/root-alter", "")
                found.append((number, offset, root, element.findtext("kind"), element.findtext("staff")))
    assert [one[:4] for one in found] == [
        (0, 0, "A", "minor-seventh"),
        (0, 2, "B-1", "dominant"),
        (1, 0, "C", "none"),  # MusicXML asks for a root, which is not read
    ]
    assert {one[4] for one in found} == {"1"}
    (page,) = svg_pages(piece)
    assert page.count('class="harm') == 3


def test_the_tempo_is_the_one_that_lasts_longest() -> None:
    tempos = (Tempo(0, 60.0), Tempo(960, 90.4), Tempo(6720, 40.0))
    piece = Piece(480, (Track((Note(0, 60, 7680),)),), tempos=tempos)
    assert tree(piece).findtext(".//metronome/per-minute") == "90"


def test_a_performance_is_put_on_a_grid_and_given_chords() -> None:
    """Eight bars at 100 quarters a minute, in a file that says 120, struck up to 10 ms early or late."""
    late = np.random.default_rng(3).uniform(-0.01, 0.01, (8, 8, 4))
    notes = []
    for bar in range(8):
        root = (48, 53, 55, 48)[bar % 4]
        for eighth in range(8):
            chord = (
                (root, root + 12, root + 16, root + 19) if eighth % 4 == 0 else (root + 24 + (0, 4, 7, 4)[eighth % 4],)
            )
            for number, pitch in enumerate(chord):
                seconds = 0.6 * (4 * bar + eighth / 2) + late[bar, eighth, number] + 0.02
                notes.append(Note(int(seconds * 960), pitch, 260, 90 if eighth % 4 == 0 else 60))
    performance = Piece(480, (Track(tuple(notes)),))
    score = tree(performance)
    (part,) = score.findall("part")
    assert 98 <= int(score.findtext(".//metronome/per-minute", "")) <= 102
    starts = {start for start, _, _ in read_back(part)}
    assert {start % 2 for start in starts} == {min(starts) % 2}  # eighths, wherever the first bar begins
    assert len(read_back(part)) == len(notes)
    assert len(part.findall(".//harmony")) >= 4


def test_metre_changes_at_the_next_bar_line() -> None:
    notes = tuple(Note(index * 480, 60, 480) for index in range(14))
    metres = (TimeSignature(0, 4, 4), TimeSignature(2400, 3, 4), TimeSignature(9_999, 2, 4))
    part = tree(Piece(480, (Track(notes),), time_signatures=metres)).find("part")
    assert len(read_back(part)) == 14
    beats = [measure.findtext("attributes/time/beats") for measure in part.findall("measure")]
    assert beats == ["4", None, "3", None]


def test_a_score_is_the_same_each_time_and_leaves_drums_out() -> None:
    drums = Track((Note(0, 36, 480),), is_drum=True)
    piece = Piece(480, (drums, *decode([60, HOLD, 64, HOLD]).tracks), tempos=(Tempo(0, 93.0),))
    assert musicxml(piece) == musicxml(piece)
    assert svg_pages(piece) == svg_pages(piece)
    assert len(tree(piece).findall("part")) == 1
    assert tree(piece).findtext(".//metronome/per-minute") == "93"


def test_pages_are_svg_with_a_symbol_for_each_note() -> None:
    piece = decode([60, HOLD, 62, HOLD, 64, 65, 67, HOLD] * 8)
    (page,) = svg_pages(piece)
    groups = [group.get("class") for group in ElementTree.fromstring(page).iter("{http://www.w3.org/2000/svg}g")]
    assert groups.count("note") == len(piece.notes)
    assert groups.count("measure") == 4
    assert len(svg_pages(decode([60, 62, 64, 65] * 16 * 40))) > 1


def test_the_names_of_three_tracks_are_written_without_what_xml_cannot_hold() -> None:
    names = ("Fl\x1b[1mute \x00\ud800\ufffe<&>", "x" * 1000, "")
    tracks = tuple(Track((Note(0, 60 + number, 480),), name=name) for number, name in enumerate(names))
    piece = Piece(480, tracks)
    written = [part.findtext("part-name") or "" for part in tree(piece).findall("part-list/score-part")]
    assert written == ["Fl[1mute <&>", "x" * MAX_NAME, ""]
    assert len(svg_pages(piece)) == 1


def test_the_lowest_and_the_highest_note_and_the_slowest_tempo() -> None:
    piece = Piece(480, (Track((Note(0, 12, 480), Note(480, 127, 480))),), tempos=(Tempo(0, 0.2),))
    (part,) = tree(piece).findall("part")
    assert read_back(part) == [(0, 12, 4), (4, 127, 8)]
    in_sharps = Piece(480, (Track((Note(0, 12, 480),)),), key_signatures=(KeySignature(0, 7, False),))
    assert read_back(tree(in_sharps).find("part")) == [(0, 12, 4)]
    assert tree(piece).findtext(".//metronome/per-minute") == "1"


# ---- refusals


def test_nothing_to_write_too_much_and_too_fine_are_refused() -> None:
    with pytest.raises(InputError, match="no pitched notes"):
        musicxml(Piece(480, (Track((Note(0, 36, 1),), is_drum=True),)))
    with pytest.raises(InputError, match=f"more than {MAX_BARS:,} bars"):
        musicxml(Piece(1, (Track((Note(0, 60, 2**28),)),)))
    with pytest.raises(InputError, match="50,001 notes; at most 50,000"):
        musicxml(Piece(480, (Track((Note(0, 60, 1),) * (MAX_NOTES + 1)),)))
    with pytest.raises(InputError, match="the note 11 is too low"):
        musicxml(Piece(480, (Track((Note(0, 11, 480),)),)))
    with pytest.raises(InputError, match="bars of 1/32 cannot be written"):
        musicxml(Piece(480, (Track((Note(0, 60, 480),)),), time_signatures=(TimeSignature(0, 1, 32),)))


@pytest.mark.parametrize("missing", ["music21", "verovio"])
def test_without_the_extra_the_message_says_how_to_get_it(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r'pip install "affetti\[scores\]"'):
        svg_pages(decode([60]))


@pytest.mark.corpus
def test_published_melodies_are_read_back_from_their_scores(shared_data) -> None:
    from affetti.midi import read_midi

    for path in sorted((shared_data / "musgenvae" / "dataset").rglob("*.mid"))[::10]:
        piece = read_midi(path)
        (part,) = tree(piece).findall("part")
        notes = read_back(part)
        again = decode(encode(piece, max(end for _, _, end in notes)))
        assert notes == sixteenths(again), path
        assert np.all(np.diff([start for start, _, _ in notes]) > 0)
