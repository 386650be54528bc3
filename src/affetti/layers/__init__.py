"""Blocks of networks that know nothing of music: attention in its two forms, Transformers, a vector quantiser."""
