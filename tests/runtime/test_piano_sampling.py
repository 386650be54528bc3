from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.errors import InputError
from affetti.runtime.emotion_path import parse_path
from affetti.runtime.emotion_weights import Conditions
from affetti.runtime.guided_prior import GuidedPrior
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.piano_sampling import (
    MAX_CODES,
    MAX_CODES_PER_BAR,
    MIN_CODES,
    MORE_CODES,
    Codebook,
    GivenCodes,
    Plan,
    Request,
    Seed,
    sample_words,
    write_words,
)
from affetti.runtime.sampling import PianoSampling, Sampling, generators
from affetti.tokens.compound_word import read_words
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    CONTINUE,
    DURATION,
    ELEMENTS,
    END,
    FIRST_POSITION,
    FIRST_TEMPO,
    METRICAL,
    PITCH,
    TEMPO,
    TEMPOS,
    TYPE,
)
from affetti.tokens.grammar import check
from tests.runtime.made_up_steps import BOOKS, CODES, MadeUp, OneBookEach, made_up_codebook, only
from tests.tiny_piano import export_tiny

PLAIN = PianoSampling(Sampling(), (Sampling(),) * len(ELEMENTS))
END_CODE = CODES

samplings = st.builds(
    Sampling, st.sampled_from([0.05, 0.3, 1.0, 2.0, 5.0]), st.sampled_from([0.01, 0.5, 0.9, 1.0]), st.booleans()
)


def unwatched(done: float) -> None:
    assert 0 <= done <= 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 20),
    st.lists(samplings, min_size=8, max_size=8),
    st.integers(1, 4),
    st.none() | st.integers(1, 4),
    st.none() | st.integers(FIRST_TEMPO, FIRST_TEMPO + len(TEMPOS) - 1),
    st.sampled_from([0.0, 1.0, 2.5]),
)
def test_whatever_the_networks_say_it_is_a_piece_of_so_many_bars(
    seed: int,
    spread: float,
    draws: list[Sampling],
    pieces: int,
    bars: int | None,
    tempo: int | None,
    strength: float,
) -> None:
    request = Request(PianoSampling(draws[0], tuple(draws[1:]), strength), bars, tempo)
    seeds = [Seed(seed, n) for n in range(pieces)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("affetti.runtime.piano_sampling.MAX_CODES", 60)
        written = sample_words(
            MadeUp(seed, spread), made_up_codebook(), request, Conditions.of_labels([1] * pieces), seeds, unwatched
        )
    assert len(written) == pieces
    for words in written:
        assert check(words) == []
        music = read_words(words)
        if bars is not None:
            assert len(music.bar_steps) == bars
            ends = (music.steps + music.durations)[music.steps >= 16 * (bars - 1)]
            assert ends.max() <= 16 * bars  # no note of the last bar sounds beyond it
        if tempo is not None:
            assert set(words[words[:, BAR_BEAT] == BAR, TEMPO]) == {tempo}
            assert set(words[words[:, BAR_BEAT] > BAR, TEMPO]) <= {CONTINUE}


def plan_of(codes: list[int], bars: int | None = None, bar_share: float = 0.1) -> Plan:
    """The plan for one piece where the prior has no choice but these codes, the last of them for ever."""
    made_up = MadeUp(codes=np.stack([only(code) for code in codes]))
    prior = GuidedPrior(made_up, Conditions.of_labels([1]), 1.0)
    plan = Plan(prior, made_up_codebook(bar_share), Request(PLAIN, bars), generators(0, [0]))
    plan.complete(unwatched)
    return plan


def test_a_plan_of_no_length_ends_with_the_end_code() -> None:
    plan = plan_of([3, 4, 5, 6, 7, END_CODE, 2])
    assert plan.planned.tolist() == [5]
    assert plan.codes[0, :5, 0].tolist() == [3, 4, 5, 6, 7]


def test_a_plan_is_no_shorter_than_a_piece() -> None:
    assert plan_of([END_CODE] * 2 + [1] * 5 + [END_CODE]).planned.tolist() == [7]
    assert plan_of([END_CODE] * 20).planned.tolist() == [MIN_CODES]


def test_an_end_is_as_likely_as_the_prior_has_it_however_codes_are_drawn() -> None:
    """One in ten at every step, with a nucleus that leaves only the likeliest code: ten steps from the first on."""
    logits = np.full(CODES + 1, -50.0)
    logits[[3, END_CODE]] = np.log([0.9, 0.1])
    narrow = PianoSampling(Sampling(nucleus=0.1), (Sampling(nucleus=0.1),) * len(ELEMENTS))
    pieces = 400
    prior = GuidedPrior(MadeUp(codes=logits[None]), Conditions.of_labels([1] * pieces), 1.0)
    plan = Plan(prior, made_up_codebook(), Request(narrow), generators(0, list(range(pieces))))
    plan.complete(unwatched)
    assert (plan.codes[:, : plan.length, 0] == 3).all()
    assert abs(plan.planned.mean() - (MIN_CODES + 9)) < 1.5  # three standard errors
    greedy = PianoSampling(Sampling(greedy=True), (Sampling(greedy=True),) * len(ELEMENTS))
    never = Plan(
        GuidedPrior(MadeUp(codes=logits[None]), Conditions.of_labels([1]), 1.0),
        made_up_codebook(),
        Request(greedy),
        generators(0, [0]),
    )
    never.complete(unwatched)
    assert never.planned.tolist() == [MAX_CODES]


def plan_of_places(places: list[int], **changed: float) -> Plan:
    """The plan for one piece with a codebook for each element, of places (1) and notes (0) in turn, whose pitches are
    as likely one as the other; where a step is neither (-1) both are.
    """
    made_up = OneBookEach(places)
    codebook = Codebook(np.zeros((len(ELEMENTS), CODES, 1), np.float32), np.zeros(CODES), BAR_BEAT, **changed)
    prior = GuidedPrior(made_up, Conditions.of_labels([1]), 1.0)
    return Plan(prior, codebook, Request(PLAIN), generators(0, [0]))


def test_another_note_at_a_place_is_likelier_by_the_fullness() -> None:
    for fullness in (-1.0, 0.0, 2.0):
        plan = plan_of_places([-1], fullness=fullness)
        plan.reach(1500)
        notes = (plan.codes[0, :1500, BAR_BEAT] == 0).mean()
        assert notes == pytest.approx(1 / (1 + np.exp(-fullness)), abs=0.04)  # three standard errors


def test_pitches_of_the_place_before_are_less_likely_by_the_penalty() -> None:
    """A place of two notes, two of which one is silent, one of one note, and so on: three of eleven pitches in turn."""
    shares = []
    for penalty in (0.0, 1.0, 40.0):
        plan = plan_of_places([1, 0, 0, 1, 1, 0], repetition_penalty=penalty)
        plan.reach(6000)
        firsts, seconds, thirds = (plan.codes[0, step:6000:6, PITCH] for step in (1, 2, 5))
        shares.append(np.mean((thirds == firsts) | (thirds == seconds)))
        assert set(plan.codes[0, :6000:3, PITCH]) == {0}
    one = np.exp(-1)
    # Two notes at one place may have the same code here, which the decoder's grammar does not let stand.
    expected = [(1 / 11) * (2 - 1 / 11), (10 / 11) * 2 * one / (9 + 2 * one) + (1 / 11) * one / (10 + one), 0.0]
    assert shares == pytest.approx(expected, abs=0.035)
    assert shares[2] == 0


def test_a_bar_whose_codes_say_no_tempo_goes_on_in_that_of_the_bar_before(tmp_path: Path) -> None:
    """Of random networks with a codebook for each element, whose words and codes have nothing to do with each other."""
    export_tiny(tmp_path, codebook="per_element")
    model = PianoModel.load(tmp_path)
    shares = []
    for code in (0, 1):
        codes = np.ones((100, len(ELEMENTS)), np.int64)
        codes[:, [TEMPO, CHORD]] = code
        kept = []
        for words in model.write([codes] * 60, [None] * 60, seed=1):
            assert check(words) == []
            said = words[words[:, TYPE] == METRICAL][:, [TEMPO, CHORD, BAR_BEAT]].astype(int)
            latest = np.maximum.accumulate(np.where(said > CONTINUE, np.arange(len(said))[:, None], 0), axis=0)
            bars = np.flatnonzero(said[:, 2] == BAR)[1:]
            kept += [said[bar, :2] == said[latest[bar - 1, :2], [0, 1]] for bar in bars]
        assert len(kept) > 20
        shares.append(np.mean(kept, axis=0).tolist())
    assert shares[0] == [1, 1]
    assert max(shares[1]) < 0.5


def test_a_plan_without_an_end_is_cut_off() -> None:
    assert plan_of([3]).planned.tolist() == [MAX_CODES]
    assert plan_of([3], bars=2, bar_share=0.0).planned.tolist() == [2 * MAX_CODES_PER_BAR]


def test_a_plan_of_bars_goes_up_to_the_code_that_would_begin_one_too_many() -> None:
    # Every code begins a bar half of the time: after ten codes five bars, and the eleventh is the one too many.
    assert plan_of([3], bars=5, bar_share=0.5).planned.tolist() == [11]
    assert plan_of([3], bars=1, bar_share=1.0).planned.tolist() == [2]


def test_an_end_code_counts_in_the_last_bar_alone() -> None:
    codes = [3, 3, END_CODE, 3, 3, 3, 3, 3, 3, END_CODE]
    assert plan_of(codes, bars=5, bar_share=0.5).planned.tolist() == [9]


def test_after_its_plan_a_piece_goes_on_without_end() -> None:
    plan = plan_of([3, 4, 5, 6, END_CODE])
    plan.reach(300)
    assert plan.planned.tolist() == [4]
    assert (plan.codes[0, :300, 0] < END_CODE).all()


def test_words_that_outrun_the_plan_get_more_codes_and_the_decoder_sees_them() -> None:
    made_up = MadeUp(codes=np.stack([only(3)]))
    request = Request(PLAIN, bars=30)
    (words,) = sample_words(made_up, made_up_codebook(1.0), request, Conditions.of_labels([2]), [Seed(0, 0)], unwatched)
    planned = 31  # every code is taken for a bar
    assert len(words) > planned + MORE_CODES
    assert made_up.remembered[:3] == [(0, planned), (0, planned + MORE_CODES), (0, planned + 2 * MORE_CODES)]
    assert made_up.remembered[-1][1] >= len(words)


def test_guidance_asks_the_prior_with_and_without_the_emotion() -> None:
    """With strength 0 the emotion is not heard, with 1 nothing else is."""
    for strength, emotions in ((1.0, [[3, 3], [3, 3]]), (2.0, [[3, 3, 0, 0], [3, 3]])):
        made_up = MadeUp()
        request = Request(PianoSampling(Sampling(), PLAIN.elements, strength), bars=1)
        sample_words(
            made_up, made_up_codebook(), request, Conditions.of_labels([3, 3]), [Seed(0, 0), Seed(0, 1)], unwatched
        )
        assert made_up.emotions == emotions


def test_guidance_by_hand() -> None:
    class Two(MadeUp):
        def logits(self, rows: int, size: int) -> np.ndarray:
            return np.repeat(np.array([[3.0], [1.0]], np.float32), size, axis=1)  # with the emotion, without it

    guided = GuidedPrior(Two(), Conditions.of_labels([1]), 2.5)
    assert guided.step(np.zeros((1, BOOKS), np.int64)).tolist() == [[6.0] * (CODES + 1)]  # 1 + 2.5 * (3 - 1)
    assert guided.book(np.zeros((1, 1), np.int64)).tolist() == [[6.0] * CODES]


def test_a_section_of_another_emotion_begins_as_a_piece_begins() -> None:
    """Code 3 begins a bar, codes 1 and 2 do not; the first two bars are happy, the third is sad."""
    made_up = MadeUp(codes=np.stack([only(code) for code in (3, 1, 2, 3, 1, 2, 3, 3, 1, 2)]))
    codebook = made_up_codebook(0.0)
    codebook.bar_shares[3] = 1.0
    conditions = Conditions.of_wanted([parse_path("happy:1,0.9/0.9:1,sad:1")])
    plan = Plan(GuidedPrior(made_up, conditions, 1.0), codebook, Request(PLAIN, 3), generators(0, [0]))
    for _ in range(9):
        plan._step()
    assert plan.codes[0, :9, 0].tolist() == [3, 1, 2, 3, 1, 2, 3, 1, 2]  # the bar line was drawn twice
    assert made_up.emotions == [[1], [3]]  # a prior for the piece, and one for its second section
    told = [who for who, _ in made_up.told]
    assert told == ["prior"] * 7 + ["prior adopts"] + ["prior"] * 2


@given(st.integers(0, 2**32 - 1))
def test_what_is_drawn_does_not_depend_on_an_emotion_that_comes_later(seed: int) -> None:
    """The codes of two bars, whatever the third and fourth are asked to be."""

    def codes_of(path: str) -> np.ndarray:
        codebook = made_up_codebook(0.0)
        codebook.bar_shares[[3, 5]] = 1.0
        prior = GuidedPrior(Swayed(seed), Conditions.of_wanted([parse_path(path)]), 1.5)
        plan = Plan(prior, codebook, Request(PLAIN, 4), generators(seed, [0]))
        plan.complete(unwatched)
        begins = np.flatnonzero(codebook.begins_bar[plan.codes[0, : plan.length, 0]])
        return plan.codes[0, : begins[2]] if len(begins) > 2 else plan.codes[0, : plan.length]

    first, second = codes_of("happy:2,sad:2"), codes_of("happy:2,0.3/-0.9:2")
    np.testing.assert_array_equal(first, second)


class Swayed(MadeUp):
    """Logits that depend on the emotion alone."""

    def prior(self, emotions: np.ndarray) -> "Swayed":
        other = Swayed()
        other.now, other.sway = emotions, np.random.default_rng(7).standard_normal((5, CODES + 1)).astype(np.float32)
        return other

    def feel(self, emotions: np.ndarray) -> None:
        self.now = emotions

    def adopt(self, row: int, other: "Swayed", other_row: int) -> None:
        """Nothing is remembered."""

    def step(self, previous: np.ndarray) -> np.ndarray:
        return self.now @ self.sway

    def book(self, chosen: np.ndarray) -> np.ndarray:
        return (self.now @ self.sway)[:, :CODES]


def test_the_decoder_is_told_the_emotion_of_the_bar_it_writes() -> None:
    made_up = MadeUp()
    conditions = Conditions.of_wanted([parse_path("happy:1,sad:2,calm:1")] * 2)
    written = sample_words(made_up, made_up_codebook(), Request(PLAIN), conditions, [Seed(0, 0), Seed(0, 1)], unwatched)
    told = [rows for who, rows in made_up.told if who == "decoder"]
    for row, words in enumerate(written):
        bars = np.cumsum(words[:, BAR_BEAT] == BAR)
        asked = np.array([1, 1, 3, 3, 4])[np.minimum(np.append(0, bars[:-1]), 4)]
        rows = [step[row] for step in told if len(step) == 2]
        assert rows == asked[: len(rows)].tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_codes_that_are_given_become_as_many_words_or_fewer(seed: int, lengths: list[int]) -> None:
    random = np.random.default_rng(seed)
    codes = [random.integers(0, CODES, (length, BOOKS)) for length in lengths]
    seeds = [Seed(seed, n) for n in range(len(codes))]
    written = write_words(MadeUp(seed), made_up_codebook(), Request(PLAIN), codes, [0] * len(codes), seeds, unwatched)
    for words, length in zip(written, lengths, strict=True):
        assert check(words) == []
        if len(words) > length:  # the last word by which it could have ended is still no end
            early = words[: len(words) - 1]
            assert all(check(np.concatenate([early[:n], words[-1:]])) for n in range(max(length - 1, 1), len(early)))


def test_codes_that_are_given_are_followed_by_their_last() -> None:
    codes = GivenCodes(made_up_codebook(), [np.array([[1, 2], [3, 4]]), np.array([[5, 6]])])
    codes.reach(5)
    assert codes.codes[0, :5].tolist() == [[1, 2], [3, 4], [3, 4], [3, 4], [3, 4]]
    assert codes.codes[1, :5].tolist() == [[5, 6]] * 5
    assert codes.sequence(0).shape == (2, 4)


def test_a_last_bar_is_over_when_the_decoder_would_begin_another() -> None:
    """A decoder that only ever wants to begin bars, once it has one note, ends with the bars asked for."""

    class Impatient(MadeUp):
        def logits(self, rows: int, size: int) -> np.ndarray:
            logits = np.zeros((rows, size), np.float32)
            if size == 4:
                logits[:, METRICAL], logits[:, END] = 60.0, -60.0
            if size == 18:
                logits[:, BAR] = 60.0
            return logits

    (words,) = sample_words(
        Impatient(), made_up_codebook(), Request(PLAIN, bars=3), Conditions.of_labels([1]), [Seed(0, 0)], unwatched
    )
    assert check(words) == []
    assert (words[:, BAR_BEAT] == BAR).sum() == 3
    assert words[-1, TYPE] == END
    assert words[-2, DURATION] > 0  # a note before it, not a position that only fills the bar


@pytest.mark.parametrize("strength", [-1.0, 11.0, float("nan")])
def test_a_strength_out_of_range(strength: float) -> None:
    with pytest.raises(InputError, match="strength"):
        PianoSampling(Sampling(), PLAIN.elements, strength)


def test_codes_of_an_element_are_drawn_as_the_element_is() -> None:
    elements = tuple(Sampling(1 + number / 10, 1 - number / 10) for number in range(7))
    one = PianoSampling(Sampling(0.5, 0.8), elements)
    assert one.of_book(0, 1) == Sampling(0.5, 0.8)  # a code that stands for a whole word
    assert one.of_book(1, 7) == Sampling(0.55, 0.8)
    assert one.of_book(5, 7) == Sampling(0.75, 0.5)
    assert PianoSampling(Sampling(4.0), (Sampling(4.0),) * 7).of_book(3, 7).temperature == 5
    assert PianoSampling(Sampling(1.0, 1.0, True), (Sampling(1.0, 1.0, True),) * 7).of_book(2, 7).greedy


def test_a_bar_line_waits_for_a_note() -> None:
    """Whatever is drawn, a bar without a note has been left no place for one."""
    seeds = [Seed(2, n) for n in range(12)]
    request = Request(PLAIN, bars=20)
    found = sample_words(MadeUp(4, 4.0), made_up_codebook(), request, Conditions.of_labels([1] * 12), seeds, unwatched)
    bars = [part for words in found for part in np.split(words, np.flatnonzero(words[:, BAR_BEAT] == BAR))[1:-1]]
    assert len(bars) > 100
    for bar in bars:
        assert (bar[:, PITCH] > 0).any() or bar[:, BAR_BEAT].max() == FIRST_POSITION + 15
