"""MusER, the piano paper, in one folder: configuration, network, regulariser, training, export."""
