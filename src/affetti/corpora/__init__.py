"""The corpora affetti learns from, one module each: source, version, licence, expected count, preparation."""

from affetti.corpora.chorales import CHORALES
from affetti.corpora.corpus import Corpus
from affetti.corpora.emopia import EMOPIA
from affetti.corpora.folder import FOLDER
from affetti.corpora.musgenvae import MUSGENVAE
from affetti.corpora.pop909 import POP909
from affetti.corpora.vgmidi import VGMIDI

__all__ = ["CORPORA", "FOLDER", "Corpus"]

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in (MUSGENVAE, CHORALES, EMOPIA, VGMIDI, POP909, FOLDER)}
