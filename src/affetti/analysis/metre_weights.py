"""What the beat tracker learned of POP909, songs 001-699: all its numbers in one place.

Each table is a logistic choice among candidates, fitted by maximum likelihood with a small quadratic penalty. The songs
came as they are and as performances: their onsets moved by up to 15 ms at random and their tempo by 6 % (standard
deviations). To hear other metres than 4/4, of which POP909 has few, songs were also cut to three beats a bar, played
as fast waltzes and with triplets for eighths (6/8).
"""

TYPICAL_TEMPO = 78.7
"""The geometric mean of POP909's tempos, beats a minute (standard deviation a quarter of it)."""

# How much the strength of repetition at multiples of a frequency (columns: metre_tempo.HARMONICS) says that this
# frequency is the beat: of all onsets, of low notes, and of onsets weighted by length.
PERIODICITY = (
    (0.67, -3.43, 1.38, -4.97, 3.50, 5.05, 1.90, 3.77, -2.39, 9.28, 0.04, -0.63),
    (2.72, 2.36, 6.90, -1.49, -0.95, 3.28, 2.97, -0.02, 4.13, -0.32, 6.27, 2.73),
    (3.96, 0.38, 2.58, -2.01, 1.99, 6.18, -3.51, 6.82, 5.24, 1.59, 6.61, 4.79),
)
# Weights of the logarithm of a tempo over TYPICAL_TEMPO, and of its square.
PERIODICITY_TEMPO = (0.05, -4.64)

# How much each feature (columns: metre_steps) at a place in the bar (rows) says that the bar lies so.
PLACES = (
    (-0.77, 3.20, 3.11, -0.12, 2.18, 0.51, 2.60, 2.27),  # downbeat
    (1.09, 1.02, -0.80, -1.67, 0.26, 0.30, -0.66, -1.76),  # second eighth of beat 1
    (-1.06, -0.33, 2.46, 2.96, 1.68, -1.09, 0.60, -1.16),  # beat 2
    (0.45, 0.48, -0.35, -0.09, -0.83, 1.01, -0.18, 0.41),  # its second eighth
    (1.95, 1.63, -1.67, 0.13, 1.27, 0.30, -1.72, 0.99),  # beat 3
    (0.59, -0.07, -0.49, -0.90, 0.14, -0.51, -0.87, -1.65),  # its second eighth
    (0.37, -0.25, -1.15, 0.19, 0.79, -0.85, -0.53, 0.11),  # beat 4
    (-0.69, 0.18, -1.95, -1.26, -0.58, 0.60, 2.10, 0.78),  # its second eighth
    (0.10, -0.17, -1.17, 0.80, -0.32, 0.37, 0.18, -0.48),  # sixteenths between
    (-1.13, -0.19, -0.09, 0.51, 0.42, 0.22, -1.70, -1.07),  # second eighth of a compound beat
    (2.09, 1.62, 0.17, -0.34, -0.10, 1.09, -1.00, -0.46),  # third eighth of a compound beat
    (0.27, 2.81, 1.96, 1.22, 2.61, -0.15, 1.71, 4.71),  # 3/4: downbeat
    (0.08, -0.05, 1.02, -0.35, -0.36, -0.46, -0.54, -0.88),  # 3/4: second eighth of beat 1
    (0.24, -0.04, 1.61, -0.19, 0.70, -1.06, -0.51, -1.09),  # 3/4: beat 2
    (0.47, 0.29, -0.97, -0.21, -0.62, 0.94, -0.23, -0.96),  # 3/4: its second eighth
    (1.05, 0.58, -2.61, -1.60, 1.61, 1.70, -0.25, 0.21),  # 3/4: beat 3
    (0.06, 0.20, -1.34, -0.44, -0.94, -0.34, 0.46, -0.73),  # 3/4: its second eighth
)
# As PERIODICITY_TEMPO, for simple and for compound beats.
SIMPLE_TEMPO = (1.57, -2.30)
COMPOUND_TEMPO = (0.57, -1.09)
# What speaks for 4/4, 3/4 and 6/8 before they are heard. Fitted where 3/4 and 6/8 were every sixth song, then lowered
# by 1.7 and 1: they are rarer, and of three short beats 3/4 claimed too much of what is 6/8.
METRES = (1.94, -2.00, -2.64)

# The weight of the mean log odds of a tempo.
TEMPO_HEARD = 0.54

# The weight of how near onsets lie to the steps (mean cosine). The fit gives 2: POP909 has few triplets that would tell
# 6/8 from 4/4. It hears them at 5, with the same figures on POP909.
NEARNESS = 5.0
