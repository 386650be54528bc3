"""Pieces as sound: 16-bit stereo, played by a soundfont through FluidSynth or by a piano computed here."""
