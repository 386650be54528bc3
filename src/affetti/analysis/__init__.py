"""What is heard in a piece: keys, melodic distance; later beats, chords and features."""
