"""From an emotion to compound words: the prior's codes first, then the words that the decoder makes of them.

In training a piece has as many codes as words, and the decoder sees the codes of the whole piece while it writes. So
the codes of a piece are planned to their end before the first word is written:

- Asked for no length, the plan ends where the prior draws its end code, and the piece ends where the decoder draws its
  end word, at the latest when the codes are used up and the grammar lets a piece end.
- Asked for a number of bars, the plan is as long as it takes to begin that many bars, going by how often each code
  began a bar in training (`bar_shares`); the end code counts only in the last of them. The words then decide. The end
  word is held back until the bars are there. In the last bar notes sound no longer than the bar; it is over when the
  decoder would begin another one. Only then the piece ends, so a bar is never broken off.
- In song form phrases return (`piano_phrases`), and the last bar is one chord, struck on its first beat and held. What
  the prior has learned from are clips, half of which begin in the second half of a bar; a theme that returned with
  that bar would leave a hole. So a song has a bar before its first, which is left out once it is composed.
- No bar stays empty: a bar line waits until a note has been struck since the one before, as long as the bar has
  positions left. Of EMOPIA's bars one in 250 is empty, but what is drawn from a small model has holes.
- Words that outrun the plan are given more codes: the prior goes on as if there were no end, and the decoder sees the
  longer plan from there on.

An emotion may change from bar to bar. The prior is told that of the bar that is under way by its codes, the decoder
that of the bar that is under way by its words. But the prior goes on with what it has composed, whatever it is told:
one bar of another emotion is enough for it to stay there. So a section of a path (`EmotionPath.sections`) begins as if
a piece began, with the bar line that stands there. Nothing that is drawn depends on an emotion that comes later, so
pieces whose paths part only later begin alike.

What the prior would compose after its plan is the same whether it is asked for or not, and each piece draws from two
random generators of its own, one for codes and one for words. So a piece does not depend on what is composed beside it.

Shapes: B pieces, E = 7 elements, G codebooks of K codes, L latent numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from affetti.runtime.emotion_weights import Conditions
from affetti.runtime.guided_prior import GuidedPrior
from affetti.runtime.piano_config import MAX_DRAFTS, OTHERS
from affetti.runtime.piano_phrases import Returns, after_first_bar, returning_bars
from affetti.runtime.piano_steps import Floats, PianoSteps
from affetti.runtime.sampling import PianoSampling, draw
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    CONTINUE,
    DURATION,
    ELEMENTS,
    END,
    FIRST_POSITION,
    MAX_STEPS,
    METRICAL,
    NOTE,
    PADDING,
    PITCH,
    SIZES,
    TEMPO,
    TYPE,
    VELOCITY,
    Integers,
    Reals,
)
from affetti.tokens.grammar import Flags, GrammarState, Words
from affetti.tokens.transposition import transposed_nearest

MIN_CODES = 4
"""A bar line, a position, a note and the end: no piece is shorter."""
MAX_CODES = 2048
"""Of a piece without a number of bars, twice the longest that the paper trained on."""
MAX_CODES_PER_BAR = 64
"""Of a plan for a number of bars, on average: EMOPIA has 28, and one piece in a hundred has over 60. Where the prior
composes hardly any code that begins a bar the plan is cut off here."""
MORE_CODES = 32
"""How many codes a plan grows by at least when words outrun it; a long one grows by an eighth."""

_DRAWN_AHEAD = 64
"""Words for which random numbers are drawn at once."""

Watch = Callable[[float], None]
"""Told how much of all pieces is done, 0 to 1; may raise an exception to stop."""


@dataclass(frozen=True)
class Request:
    """What is asked for, of all pieces of a batch alike but for the emotion and the random numbers."""

    sampling: PianoSampling
    bars: int | None = None
    """Exactly so many, or None: as many as come."""
    tempo: int | None = None
    """The value of the tempo element in every bar, or None: as drawn."""
    song_form: bool = False
    """Whether phrases return, where there are bars enough (see `piano_phrases`), and a chord closes the piece."""

    @property
    def bars_composed(self) -> int | None:
        """Of a song one more than asked for: the first, which is left out at last (see the top of this file)."""
        return self.bars if self.bars is None else self.bars + self.song_form


class Seed(NamedTuple):
    """What decides the random numbers of a piece."""

    seed: int
    piece: int
    draft: int = 0

    def generator(self, stream: int) -> np.random.Generator:
        """The generator of codes (stream 0) or words (1). Not one number more: a seed ends in any number of zeros."""
        return np.random.default_rng([self.seed, self.piece, 2 * self.draft + stream])

    def shared(self, stream: int) -> np.random.Generator:
        """The generator of what all drafts of a piece share: their key (stream 0) or what they are to be like (1)."""
        return np.random.default_rng([self.seed, self.piece, 2 * MAX_DRAFTS + stream])


@dataclass(frozen=True, eq=False)
class Codebook:
    """What the codes stand for."""

    latents: Floats
    """[G, K, L / G]"""
    bar_shares: Reals
    """[K]: how often a code began a bar."""
    bar_book: int
    """The codebook that says so."""
    fullness: float = 0.0
    """What is added to the logit of the bar-beat's code 0, with which another note is struck at the same place; for a
    codebook for each element alone."""
    repetition_penalty: float = 0.0
    """What is taken from the logits of the pitches that were struck at the place before; for a codebook for each
    element alone."""

    @cached_property
    def begins_bar(self) -> Flags:
        """[K]: whether a code that is drawn is taken for the beginning of a bar."""
        return self.bar_shares >= 0.5

    def look_up(self, codes: Integers) -> Floats:
        """Codes [..., G] to latents [..., L]."""
        found = self.latents[np.arange(len(self.latents)), codes]
        return found.reshape(*codes.shape[:-1], -1)


def sample_words(
    steps: PianoSteps,
    codebook: Codebook,
    request: Request,
    conditions: Conditions,
    seeds: Sequence[Seed],
    watch: Watch,
) -> list[Words]:
    """The words of one piece for each row of the conditions and seed; no piece breaks the grammar."""
    codes_random, words_random = ([seed.generator(stream) for seed in seeds] for stream in (0, 1))
    plan = Plan(GuidedPrior(steps, conditions, request.sampling.strength), codebook, request, codes_random)
    plan.complete(watch)
    written = Writing(steps, conditions, plan, request, words_random).complete(watch)
    return [_from_second_bar(words) for words in written] if request.song_form else written


def _from_second_bar(words: Words) -> Words:
    """Words [T, 7] of at least two bars without the first; as each bar says its tempo and chord nothing is amiss."""
    return words[np.flatnonzero(words[:, BAR_BEAT] == BAR)[1] :]


def in_key_of(seed: Seed, words: Words) -> Words:
    """Words [T, 7] in C major or A minor, moved to a key that the seed decides, the same for all drafts of a piece."""
    moved: Words = transposed_nearest(words[None], seed.shared(0).integers(12, size=1))[0]
    return moved


def write_words(
    steps: PianoSteps,
    codebook: Codebook,
    request: Request,
    codes: Sequence[Integers],
    emotions: Sequence[int],
    seeds: Sequence[Seed],
    watch: Watch,
) -> list[Words]:
    """The words that the decoder makes of codes [T, G] that are given, with an emotion (0: none) for each piece."""
    random = [seed.generator(1) for seed in seeds]
    told = Conditions.of_labels(emotions)
    return Writing(steps, told, GivenCodes(codebook, codes), request, random).complete(watch)


class Codes:
    """The codes of B pieces, and how many of them each piece has; what is beyond is there when words outrun them."""

    def __init__(self, codebook: Codebook, codes: Integers, planned: Integers) -> None:
        self.codebook = codebook
        self.codes = codes
        """[B, more than are there, G]"""
        self.length = 0
        """How many of the codes are there."""
        self.planned = planned
        """[B]: how many are each piece's, 0 where that is not yet known."""

    def reach(self, length: int) -> None:
        """Have at least so many codes of every piece."""
        raise NotImplementedError

    def latents(self, step: int, rows: Integers) -> Floats:
        """What the codes of one step stand for, [rows, L]."""
        return self.codebook.look_up(self.codes[rows, step])

    def sequence(self, piece: int) -> Floats:
        """What all codes of a piece stand for, [S, L]."""
        return self.codebook.look_up(self.codes[piece, : self.planned[piece]])

    def _make_room(self, length: int) -> None:
        while self.codes.shape[1] < length:
            self.codes = np.concatenate([self.codes, np.zeros_like(self.codes)], axis=1)


class GivenCodes(Codes):
    """Codes [T, G] of pieces that are there already; beyond them the last one is repeated."""

    def __init__(self, codebook: Codebook, codes: Sequence[Integers]) -> None:
        planned = np.asarray([len(one) for one in codes])
        super().__init__(codebook, np.zeros((len(codes), int(planned.max()), len(codebook.latents)), np.int64), planned)
        self.length = self.codes.shape[1]
        for row, one in enumerate(codes):
            self.codes[row, : len(one)], self.codes[row, len(one) :] = one, one[-1]

    def reach(self, length: int) -> None:
        """Have at least so many codes of every piece."""
        self._make_room(length)
        self.codes[:, self.length :] = self.codes[:, self.length - 1, None]
        self.length = max(self.length, length)


class Plan(Codes):
    """Codes that the prior composes: sequences without end, of which a part is the piece's."""

    def __init__(
        self, prior: GuidedPrior, codebook: Codebook, request: Request, random: list[np.random.Generator]
    ) -> None:
        codes = np.zeros((len(random), 256, len(codebook.latents)), np.int64)
        super().__init__(codebook, codes, np.zeros(len(random), np.int64))
        self.prior, self.request, self.random = prior, request, random
        books = len(codebook.latents)
        self.sampling = [request.sampling.of_book(book, books) for book in range(books)]
        self.expected_bars = np.zeros(len(random))
        sources = after_first_bar(returning_bars(request.bars or 0 if request.song_form else 0))
        self.returns = Returns(len(random), sources, codebook.begins_bar, codebook.bar_book)
        self.struck = Struck(len(random), codebook.latents.shape[1])
        bars = request.bars_composed
        self.greatest = MAX_CODES if bars is None else bars * MAX_CODES_PER_BAR

    def complete(self, watch: Watch) -> None:
        """Compose until every piece has its plan."""
        while not self.planned.all():
            self._step()
            watch(float(self._done().mean()) / 3)  # about a third of the work

    def reach(self, length: int) -> None:
        """Have at least so many codes of every piece."""
        while self.length < length:
            self._step()

    def _done(self) -> Reals:
        """[B]: how much of the plan is there."""
        bars = self.request.bars_composed
        so_far = np.zeros(len(self.planned)) if bars is None else np.minimum(self.expected_bars / (bars + 0.5), 1.0)
        return np.where(self.planned > 0, 1.0, so_far)

    def _step(self) -> None:
        self._make_room(self.length + 1)
        chosen = self.codes[:, self.length]
        previous = self.codes[:, max(self.length - 1, 0)]
        uniforms = np.stack([one.random(self.codes.shape[2] + 1) for one in self.random])
        bars = self._bars_begun()
        self.prior.reach(np.maximum(bars - 1, 0))
        logits = self.prior.step(previous)
        ends = _ends(logits, uniforms[:, -1], greedy=self.sampling[0].greedy)
        # The sequence goes on nevertheless; how much of it is the piece's is another question.
        chosen[:, 0] = draw(logits[:, :-1], uniforms[:, 0], self.sampling[0])
        for book in range(1, chosen.shape[1]):
            logits = self.prior.book(chosen[:, :book].copy())
            if book == BAR_BEAT:
                logits[:, 0] += self.codebook.fullness
            if book == PITCH:
                logits -= np.float32(self.codebook.repetition_penalty) * self.struck.before
            chosen[:, book] = draw(logits, uniforms[:, book], self.sampling[book])
        self._turn(chosen, uniforms, bars)
        self.returns.apply(self.codes, self.length)
        self.struck.add(chosen)
        self._plan(ends, self.codebook.bar_shares[chosen[:, self.codebook.bar_book]])
        self.length += 1

    def _bars_begun(self) -> Integers:
        """[B]"""
        return np.floor(self.expected_bars + 0.5).astype(np.int64)

    def _turn(self, chosen: Integers, uniforms: Reals, bars: Integers) -> None:
        """Draw the codes [B, G] of this step again for pieces that begin a section of another emotion.

        They begin that bar all the same, and with a codebook for each element the same elements speak.
        """
        bar_book, begins_bar = self.codebook.bar_book, self.codebook.begins_bar
        begins = self.prior.conditions.begins
        others = begins_bar[chosen[:, bar_book]] & (bars > 0) & (bars < begins.shape[1])
        others &= begins[np.arange(len(bars)), np.minimum(bars, begins.shape[1] - 1)]
        for row in np.flatnonzero(others).tolist():
            prior, logits = self.prior.reborn(row, int(bars[row]), chosen.shape[1])
            logits = logits[:, : len(begins_bar)]  # without the end
            for book in range(chosen.shape[1]):
                if book > 0:
                    logits = prior.book(chosen[row : row + 1, :book].copy())
                allowed = np.ones(logits.shape[1], np.bool_)
                if chosen.shape[1] > 1:
                    allowed = (np.arange(len(allowed)) > 0) == (chosen[row, book] > 0)
                if book == bar_book:
                    allowed = allowed & begins_bar
                drawn = draw(np.where(allowed, logits, -np.inf), uniforms[row : row + 1, book], self.sampling[book])
                chosen[row, book] = drawn[0]
            self.prior.adopt(row, prior)

    def _plan(self, ends: Flags, bar_shares: Reals) -> None:
        """Decide of the pieces without a plan whether it ends before or with the codes of this step."""
        bars, before = self.request.bars_composed, self.expected_bars
        self.expected_bars = before + bar_shares
        if bars is None:
            now = np.where(ends & (self.length >= MIN_CODES), self.length, 0)
        else:
            # The code that would begin a bar too many is kept: the end word stands in that place.
            now = np.where(self.expected_bars >= bars + 0.5, self.length + 1, 0)
            now = np.where(ends & (before >= bars - 0.5), self.length, now)
        now = np.where(self.length + 1 >= self.greatest, self.greatest, now)
        self.planned = np.where(self.planned > 0, self.planned, now)


class Struck:
    """The codes of the pitches that B pieces strike, place by place, with a codebook for each element."""

    def __init__(self, pieces: int, codes: int) -> None:
        self.here = np.zeros((pieces, codes), np.bool_)
        self.before = np.zeros((pieces, codes), np.bool_)
        """[B, K]: of the last place at which notes were struck, before the one that is under way."""

    def add(self, chosen: Integers) -> None:
        """The codes [B, G] of the next word."""
        if chosen.shape[1] < len(ELEMENTS):
            return
        moves_on = (chosen[:, BAR_BEAT] > 0) & self.here.any(axis=1)
        self.before[moves_on], self.here[moves_on] = self.here[moves_on], False
        notes = np.flatnonzero(chosen[:, PITCH] > 0)
        self.here[notes, chosen[notes, PITCH]] = True


def _ends(logits: Floats, uniforms: Reals, *, greedy: bool) -> Flags:
    """[B]: which pieces end here, of logits [B, K + 1]. However codes are drawn, an end is as likely as the prior has
    it: a nucleus would cut it off, as it is unlikely everywhere.
    """
    shares = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
    ends: Flags = uniforms < shares[:, -1] / shares.sum(axis=1)
    return logits.argmax(axis=1) == logits.shape[1] - 1 if greedy else ends


class Writing:
    """The words of B pieces, of which A are still being written."""

    def __init__(
        self,
        steps: PianoSteps,
        conditions: Conditions,
        plan: Codes,
        request: Request,
        random: list[np.random.Generator],
    ) -> None:
        pieces = len(random)
        self.conditions, self.plan, self.request, self.random = conditions, plan, request, random
        self.decoder = steps.decoder(conditions.at(np.zeros(pieces, np.int64)).weights)
        bars = request.bars_composed
        self.grammar = GrammarState(pieces) if bars is None else GrammarState(pieces, min_bars=bars, max_bars=bars)
        self.due = plan.planned.copy()  # words at which a piece without a number of bars ends
        self.seen = np.zeros(pieces, np.int64)  # how many of its codes the decoder sees
        self.words = np.zeros((pieces, 256, len(ELEMENTS)), np.uint8)  # grows
        self.lengths = np.zeros(pieces, np.int64)
        self.places = np.zeros(pieces, np.int64)  # the bar-beat of the latest metrical word
        self.struck = np.ones(pieces, np.bool_)  # whether a note was since the latest bar line
        self.rows = np.arange(pieces)  # the pieces that the decoder is at work on
        self.uniforms = np.zeros((pieces, _DRAWN_AHEAD, len(ELEMENTS)))

    def complete(self, watch: Watch) -> list[Words]:
        """Write until every piece has its end word."""
        step = 0
        while not self.grammar.ended.all():
            self._step(step)
            step += 1
            done = np.where(self.grammar.ended, 1.0, np.minimum(step / self.due, 0.99))
            watch((1 + 2 * float(done.mean())) / 3)
        return [self.words[piece, : self.lengths[piece]] for piece in range(len(self.words))]

    def _step(self, step: int) -> None:
        """Write the next word of each piece."""
        self._make_room(step)
        rows = self.rows
        if self.conditions.change:
            self.decoder.feel(self.conditions.at(np.maximum(self.grammar.bars - 1, 0)).weights[rows])
        previous = self.words[rows, step - 1] if step else np.zeros((len(rows), len(ELEMENTS)), np.int64)
        type_logits = self.decoder.types(previous.astype(np.int64), self.plan.latents(step, rows))
        words = np.zeros((len(self.words), len(ELEMENTS)), np.int64)
        uniforms = self.uniforms[:, step % _DRAWN_AHEAD]
        type_mask = self.grammar.type_mask()
        closing = self._closing(type_mask)
        type_mask[closing, METRICAL] = True
        if self.request.bars is None:  # the codes are used up
            late = (step + 1 >= self.due) & type_mask[:, END]
            type_mask[late, END + 1 :] = False
        words[rows, TYPE] = self._drawn(TYPE, type_logits, type_mask, rows, rows, uniforms)
        if self.request.song_form:
            words[closing & (words[:, TYPE] == METRICAL), TYPE] = END  # after the first chord of the last bar
        logits = dict(zip(OTHERS, self.decoder.elements(words[rows, TYPE]), strict=True))
        self._draw_metrical(step, words, logits, closing, uniforms)
        self._draw_notes(words, logits, uniforms)
        self.lengths[rows[words[rows, TYPE] > PADDING]] = step + 1
        self.grammar.advance(words)
        self.places = np.where(words[:, BAR_BEAT] > 0, words[:, BAR_BEAT], self.places)
        self.struck = (words[:, TYPE] == NOTE) | (self.struck & (words[:, BAR_BEAT] != BAR))
        self.words[:, step] = words
        self._drop_ended()

    def _closing(self, type_mask: Flags) -> Flags:
        """[B]: pieces in the last bar asked for, which are over when the decoder would begin another bar."""
        if self.request.bars is None:
            return np.zeros(len(self.words), np.bool_)
        closing: Flags = type_mask[:, END] & (self.grammar.bars == self.request.bars_composed)
        return closing

    def _draw_metrical(
        self, step: int, words: Integers, logits: dict[int, Floats], closing: Flags, uniforms: Reals
    ) -> None:
        rows = self.rows[words[self.rows, TYPE] == METRICAL]
        if not len(rows):
            return
        mask = self.grammar.bar_beat_mask(words[:, TYPE])
        mask[:, BAR] &= self.struck | ~mask[:, FIRST_POSITION:].any(axis=1)
        mask[closing, BAR] = True
        if self.request.song_form:
            mask[(self.grammar.bars == self.request.bars_composed) & ~self.struck, FIRST_POSITION + 1 :] = False
        places = self._drawn(BAR_BEAT, logits[BAR_BEAT], mask, rows, self.rows, uniforms)
        over = closing[rows] & (places == BAR)
        words[rows[over], TYPE] = END
        rows, places = rows[~over], places[~over]
        words[rows, BAR_BEAT] = places
        tempo_mask = self._kept(TEMPO, step, words, self.grammar.tempo_mask(words[:, BAR_BEAT]))
        if self.request.tempo is not None:
            tempo_mask[:] = False
            tempo_mask[np.arange(len(words)), np.where(words[:, BAR_BEAT] == BAR, self.request.tempo, CONTINUE)] = True
        words[rows, TEMPO] = self._drawn(TEMPO, logits[TEMPO], tempo_mask, rows, self.rows, uniforms)
        chord_mask = self._kept(CHORD, step, words, self.grammar.chord_mask(words[:, BAR_BEAT]))
        words[rows, CHORD] = self._drawn(CHORD, logits[CHORD], chord_mask, rows, self.rows, uniforms)

    def _kept(self, column: int, step: int, words: Integers, mask: Flags) -> Flags:
        """The mask [B, size] of tempos or chords, in which a bar has none but that in force where its code is silent.

        A bar line has to say both. Where the words have come to it at the code of another word, with a codebook for
        each element nothing tells the decoder which: one bar in eleven had a tempo out of the air.
        """
        known = self.grammar.in_force[column]
        codes = self.plan.codes[:, step]
        if codes.shape[1] == len(ELEMENTS):
            kept = (words[:, BAR_BEAT] == BAR) & (codes[:, column] == 0) & (known > 0)
            mask[kept] = np.arange(mask.shape[1]) == known[kept, None]
        return mask

    def _draw_notes(self, words: Integers, logits: dict[int, Floats], uniforms: Reals) -> None:
        types = words[:, TYPE]
        rows = self.rows[types[self.rows] == NOTE]
        if not len(rows):
            return
        durations = self.grammar.duration_mask(types)
        if self.request.bars is not None:  # in the last bar no note sounds beyond its end
            left = MAX_STEPS - (self.places - FIRST_POSITION)
            last = self.grammar.bars == self.request.bars_composed
            lengths, left = np.arange(SIZES[DURATION]), left[:, None]
            durations &= ~last[:, None] | (lengths == left if self.request.song_form else lengths <= left)
        masks = {
            PITCH: self.grammar.pitch_mask(types),
            DURATION: durations,
            VELOCITY: self.grammar.velocity_mask(types),
        }
        for column, mask in masks.items():
            words[rows, column] = self._drawn(column, logits[column], mask, rows, self.rows, uniforms)

    def _drawn(
        self, column: int, logits: Floats, mask: Flags, rows: Integers, computed: Integers, uniforms: Reals
    ) -> Integers:
        """Values of an element for the pieces `rows`; logits are of pieces `computed`, masks and uniforms of all."""
        own = logits if len(rows) == len(computed) else logits[np.searchsorted(computed, rows)]
        allowed = np.where(mask[rows], own, -np.inf)
        return draw(allowed, uniforms[rows, column], self.request.sampling.elements[column])

    def _make_room(self, step: int) -> None:
        """See to random numbers, codes and space for the next word."""
        if step % _DRAWN_AHEAD == 0:
            for piece in self.rows:
                self.uniforms[piece] = self.random[piece].random(self.uniforms.shape[1:])
        if step == self.words.shape[1]:
            self.words = np.concatenate([self.words, np.zeros_like(self.words)], axis=1)
        planned = self.plan.planned
        writing = self.rows[~self.grammar.ended[self.rows]]
        outrun = writing[planned[writing] <= step]
        planned[outrun] += np.maximum(planned[outrun] // 8, MORE_CODES)
        self.plan.reach(int(planned[writing].max()))
        for place in np.flatnonzero(self.seen[self.rows] < planned[self.rows]):
            piece = self.rows[place]
            self.decoder.remember(int(place), self.plan.sequence(piece))
            self.seen[piece] = planned[piece]

    def _drop_ended(self) -> None:
        """Go on without the pieces that have ended, once they are half of what is computed."""
        alive = np.flatnonzero(~self.grammar.ended[self.rows])
        if 0 < len(alive) <= len(self.rows) // 2:
            self.decoder.keep(alive)
            self.rows = self.rows[alive]
