"""The corpora affetti learns from, one module each: source, version, licence, expected count, preparation."""

from affetti.corpora.chorales import CHORALES
from affetti.corpora.corpus import Corpus
from affetti.corpora.musgenvae import MUSGENVAE

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in (MUSGENVAE, CHORALES)}
