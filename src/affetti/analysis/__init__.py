"""What is heard in a piece: beats and bars, chords, keys, pitch measures, melodic distance."""
