"""CVAE-EmoReg, the melody paper, in one folder: configuration, network, regulariser, training, export."""
