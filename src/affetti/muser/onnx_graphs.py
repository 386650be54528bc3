"""The graphs of an exported MusER: what `prior.py`, `two_level_decoder.py` and `encoder.py` compute, step by step.

| graph | inputs | outputs |
|---|---|---|
| encoder | words int64 [B, S, E], mask [B, S] | codes int64 [B, S, G] |
| prior_step | previous int64 [B, G], emotions [B, 5], position, states | logits [B, K + 1], hidden [B, D], states |
| prior_book_g | hidden [B, D], chosen int64 [B, g] | logits [B, K] |
| decoder_prepare | latents [B, S, L], mask [B, S] | memories |
| decoder_type_step | previous int64 [B, E], emotions, position, latent [B, L], states, memories | the same three |
| decoder_element_step | hidden [B, D], types int64 [B], latent [B, L], states | logits of six elements, states |

A state or a memory is [B, H, d, d + 1] for each layer. The position is one int64 for all pieces, from 0. Emotions are
weights (`affetti.runtime.emotion_weights`). The graph prior_book_g is there for every codebook but the first,
decoder_prepare where there is a memory. A mask is 1 where real.

Shapes: B pieces, S steps, E = 7 elements, G codebooks of K codes, L latent numbers, D width, H heads, d = D / H.
"""

from collections.abc import Sequence

from onnx import TensorProto

from affetti.layers.onnx_graph import GraphBuilder, StoredNumbers
from affetti.layers.onnx_transformer import (
    OPSET,
    Place,
    bidirectional,
    blocks,
    check_exportable,
    layer_norm,
    linear,
    linear_of_sequence,
    remembered,
    sinusoids,
    transformer_step,
)
from affetti.layers.transformer import Transformer
from affetti.muser.prior import Prior
from affetti.muser.two_level_decoder import OTHERS, TwoLevelDecoder
from affetti.muser.vqvae import MuserVqvae
from affetti.muser.word_embedding import WordEmbedding
from affetti.runtime.emotion_weights import EMOTIONS
from affetti.tokens.elements import ELEMENTS, FIRST_VALUES, SIZES, TYPE

_FAR = 1e30

VQVAE, PRIOR = "vqvae", "prior"
"""What the names of the numbers of the two networks begin with."""


def graphs(vqvae: MuserVqvae, prior: Prior, safetensors: bytes) -> dict[str, bytes]:
    """All graphs by name. Raises ValueError for what has no recurrent form of constant size."""
    decoder = vqvae.decoder
    for transformer in (vqvae.encoder.layers, decoder.global_layers, decoder.type_layers, prior.layers):
        if transformer is not None:
            check_exportable(transformer)
    numbers = StoredNumbers(safetensors)

    def builder() -> GraphBuilder:
        return GraphBuilder(numbers, opset=OPSET)

    made = {
        "encoder": _encoder(builder(), vqvae),
        "prior_step": _prior_step(builder(), prior),
        "decoder_type_step": _decoder_type_step(builder(), decoder),
        "decoder_element_step": _decoder_element_step(builder(), decoder),
    }
    for book in range(1, len(prior.heads)):
        made[f"prior_book_{book}"] = _prior_book(builder(), prior, book)
    if decoder.memory is not None:
        made["decoder_prepare"] = _decoder_prepare(builder(), decoder)
    return made


def _encoder(graph: GraphBuilder, vqvae: MuserVqvae) -> bytes:
    assert vqvae.quantizer is not None
    place = Place(graph, VQVAE) / "encoder"
    words = graph.input("words", ["B", "S", len(ELEMENTS)], integers=True)
    mask = graph.node("Unsqueeze", [graph.input("mask", ["B", "S"]), graph.constant([2])])
    embedded = _embedded_sequence(place / "embedding", vqvae.encoder.embedding, words)
    width = vqvae.encoder.layers.width
    x = graph.node("Add", [embedded, _sequence_positions(graph, words, width)])
    encoded = linear_of_sequence(place / "output", bidirectional(place / "layers", vqvae.encoder.layers, x, mask))
    books, _, size = vqvae.quantizer.codebook.shape
    # [G, B·S, W] against [G, K, W]; |x - c|² without |x|², which is the same for all codes
    blocks_first = graph.node("Transpose", [graph.reshaped(encoded, [-1, books, size])], perm=[1, 0, 2])
    codebook = graph.parameter(f"{VQVAE}.quantizer.codebook")
    products = graph.node("MatMul", [blocks_first, graph.node("Transpose", [codebook], perm=[0, 2, 1])])
    lengths = graph.node("ReduceSum", [graph.node("Mul", [codebook, codebook]), graph.constant([2])], keepdims=0)
    lengths = graph.node("Unsqueeze", [lengths, graph.constant([1])])
    if not vqvae.quantizer.of_use.all():  # codes that a codebook does not have are farther than any other
        missing = [0.0 if of_use else _FAR for of_use in vqvae.quantizer.of_use.flatten().tolist()]
        penalty = graph.reshaped(graph.reals("missing_codes", missing), [books, 1, -1])
        lengths = graph.node("Add", [lengths, penalty])
    distances = graph.node("Sub", [lengths, graph.node("Mul", [products, graph.real(2.0)])])
    nearest = graph.node("ArgMin", [distances], axis=2, keepdims=0)
    shape = graph.node("Concat", [graph.node("Shape", [words], end=2), graph.constant([books])], axis=0)
    found = graph.node("Reshape", [graph.node("Transpose", [nearest], perm=[1, 0]), shape])
    counts = graph.node("Cast", [mask], to=TensorProto.INT64)
    if vqvae.config.codebook == "per_element":
        speaks = graph.node("GreaterOrEqual", [words, graph.constant(FIRST_VALUES)])
        counts = graph.node("Mul", [counts, graph.node("Cast", [speaks], to=TensorProto.INT64)])
    graph.node("Mul", [found, counts], output="codes")
    graph.output("codes", ["B", "S", books], integers=True)
    return graph.serialised("muser_encoder")


def _prior_step(graph: GraphBuilder, prior: Prior) -> bytes:
    place = Place(graph, PRIOR)
    previous = graph.input("previous", ["B", len(prior.codes)], integers=True)
    position = graph.input("position", [], integers=True)
    emotions = graph.input("emotions", ["B", EMOTIONS])
    states = _states(graph, "state", prior.layers)
    emotion = _mixed(place / "emotion", emotions)
    columns = _columns(graph, previous, len(prior.codes))
    codes = _sum(graph, [_looked_up(place / "codes" / book, column) for book, column in enumerate(columns)])
    if not prior.tells_emotion_once:
        codes = graph.node("Add", [codes, emotion])
    token = graph.node("Where", [_is_first(graph, position), emotion, codes])
    if prior.has_positions:
        token = graph.node("Add", [token, _position(graph, position, prior.layers.width)])
    hidden, next_states = transformer_step(place / "layers", prior.layers, token, states)
    graph.node("Identity", [hidden], output="hidden")
    graph.node("Identity", [linear(place / "heads" / 0, hidden)], output="logits")
    graph.output("logits", ["B", prior.end + 1])
    graph.output("hidden", ["B", prior.layers.width])
    _next_states(graph, "state", prior.layers, next_states)
    return graph.serialised("muser_prior_step")


def _prior_book(graph: GraphBuilder, prior: Prior, book: int) -> bytes:
    place = Place(graph, PRIOR)
    hidden = graph.input("hidden", ["B", prior.layers.width])
    columns = _columns(graph, graph.input("chosen", ["B", book], integers=True), book)
    told = _sum(graph, [_looked_up(place / "chosen" / earlier, column) for earlier, column in enumerate(columns)])
    here = place / "mixing" / (book - 1)
    x = graph.node("Add", [hidden, told])
    widened = graph.node("Gelu", [linear(here / "widen", layer_norm(here / "norm", x))])
    mixed = graph.node("Add", [x, linear(here / "narrow", widened)])
    graph.node("Identity", [linear(place / "heads" / book, mixed)], output="logits")
    graph.output("logits", ["B", prior.end])
    return graph.serialised(f"muser_prior_book_{book}")


def _decoder_prepare(graph: GraphBuilder, decoder: TwoLevelDecoder) -> bytes:
    assert decoder.global_layers is not None
    place = Place(graph, VQVAE) / "decoder"
    latents = graph.input("latents", ["B", "S", decoder.latent_block * len(ELEMENTS)])
    mask = graph.node("Unsqueeze", [graph.input("mask", ["B", "S"]), graph.constant([2])])
    sequence = linear_of_sequence(place / "memory", latents)
    sequence = graph.node("Add", [sequence, _sequence_positions(graph, latents, decoder.width)])
    memories = remembered(place / "global_layers", decoder.global_layers, sequence, mask)
    for number, (memory, shape) in enumerate(zip(memories, _state_shapes(decoder.global_layers), strict=True)):
        graph.node("Identity", [memory], output=graph.output(f"memory_{number}", shape))
    return graph.serialised("muser_decoder_prepare")


def _decoder_type_step(graph: GraphBuilder, decoder: TwoLevelDecoder) -> bytes:
    place = Place(graph, VQVAE) / "decoder"
    previous = graph.input("previous", ["B", len(ELEMENTS)], integers=True)
    position = graph.input("position", [], integers=True)
    emotions = graph.input("emotions", ["B", EMOTIONS])
    latent = graph.input("latent", ["B", decoder.latent_block * len(ELEMENTS)])
    states = [_states(graph, name, layers) for name, layers in _type_layers(decoder).items()]
    if decoder.tells_emotion_once:
        none = graph.reals("no_emotion", [1.0] + [0.0] * (EMOTIONS - 1))
        emotions = graph.node("Where", [_is_first(graph, position), emotions, none])
    hidden = _embedded_word(place / "embedding", decoder.embedding, previous, emotions, latent)
    if decoder.has_positions:
        hidden = graph.node("Add", [hidden, _position(graph, position, decoder.width)])
    if decoder.global_layers is not None:
        memories = [] if decoder.memory is None else _inputs(graph, "memory", decoder.global_layers)
        hidden, after = transformer_step(
            place / "global_layers", decoder.global_layers, hidden, states.pop(0), memories
        )
        _next_states(graph, "global_state", decoder.global_layers, after)
    graph.node("Identity", [hidden], output="hidden")
    x = hidden
    if decoder.type_layers is not None:
        block = _blocks(graph, latent, decoder.latent_block)[TYPE]
        x = graph.node("Add", [x, linear(place / "type_block", block)])
        x, after = transformer_step(place / "type_layers", decoder.type_layers, x, states.pop(0))
        _next_states(graph, "type_state", decoder.type_layers, after)
    graph.node("Identity", [linear(place / "type_head", x)], output="logits")
    graph.output("logits", ["B", SIZES[TYPE]])
    graph.output("hidden", ["B", decoder.width])
    return graph.serialised("muser_decoder_type_step")


def _decoder_element_step(graph: GraphBuilder, decoder: TwoLevelDecoder) -> bytes:
    place = Place(graph, VQVAE) / "decoder"
    hidden = graph.input("hidden", ["B", decoder.width])
    types = graph.input("types", ["B"], integers=True)
    x = graph.node("Add", [hidden, _looked_up(place / "type_embedding", types)])
    logits = []
    if decoder.other_layers is None:
        logits = [linear(place / "other_heads" / number, x) for number in range(len(OTHERS))]
    else:
        latent = graph.input("latent", ["B", decoder.latent_block * len(ELEMENTS)])
        latents = _blocks(graph, latent, decoder.latent_block)
        for number, column in enumerate(OTHERS):
            states = _states(graph, f"{ELEMENTS[column].name}_state", decoder.other_layers)
            own = Place(graph, place.name, group=number)
            started = graph.node("Add", [x, linear(own / "other_blocks", latents[column])])
            result, after = transformer_step(own / "other_layers", decoder.other_layers, started, states)
            _next_states(graph, f"{ELEMENTS[column].name}_state", decoder.other_layers, after)
            logits.append(linear(place / "other_heads" / number, result))
    for column, one in zip(OTHERS, logits, strict=True):
        name = graph.output(f"{ELEMENTS[column].name}_logits", ["B", SIZES[column]])
        graph.node("Identity", [one], output=name)
    return graph.serialised("muser_decoder_element_step")


# ---- parts


def _type_layers(decoder: TwoLevelDecoder) -> dict[str, Transformer]:
    """The layers that step with the type, by the name of their states."""
    layers = {"global_state": decoder.global_layers, "type_state": decoder.type_layers}
    return {name: one for name, one in layers.items() if one is not None}


def _state_shapes(transformer: Transformer) -> list[list[int | str]]:
    shapes: list[list[int | str]] = []
    for layer in blocks(transformer):
        head = transformer.width // layer.self_attention.heads
        shapes.append(["B", layer.self_attention.heads, head, head + 1])
    return shapes


def _inputs(graph: GraphBuilder, name: str, transformer: Transformer) -> list[str]:
    return [graph.input(f"{name}_{number}", shape) for number, shape in enumerate(_state_shapes(transformer))]


_states = _inputs


def _next_states(graph: GraphBuilder, name: str, transformer: Transformer, states: Sequence[str]) -> None:
    for number, (state, shape) in enumerate(zip(states, _state_shapes(transformer), strict=True)):
        graph.node("Identity", [state], output=graph.output(f"next_{name}_{number}", shape))


def _looked_up(place: Place, numbers: str) -> str:
    return place.graph.node("Gather", [place.parameter("weight"), numbers], axis=0)


def _mixed(place: Place, weights: str) -> str:
    """The sum [B, D] of embeddings by their weights [B, embeddings]."""
    return place.graph.node("MatMul", [weights, place.parameter("weight")])


def _columns(graph: GraphBuilder, rows: str, count: int) -> list[str]:
    """Columns of integers [..., count]."""
    return [graph.node("Gather", [rows, graph.integer(column)], axis=-1) for column in range(count)]


def _blocks(graph: GraphBuilder, latent: str, size: int) -> list[str]:
    """[B, L] as one [B, W] for each element."""
    return graph.nodes("Split", [latent, graph.constant([size] * len(ELEMENTS))], len(ELEMENTS), axis=-1)


def _sum(graph: GraphBuilder, terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else graph.node("Sum", terms)


def _is_first(graph: GraphBuilder, position: str) -> str:
    return graph.node("Equal", [position, graph.integer(0)])


def _position(graph: GraphBuilder, position: str, width: int) -> str:
    """The sines of one position: [width]."""
    number = graph.reshaped(graph.node("Cast", [position], to=TensorProto.FLOAT), [1])
    return sinusoids(graph, number, width)


def _sequence_positions(graph: GraphBuilder, sequence: str, width: int) -> str:
    """The sines of the positions of a sequence [B, S, ...]: [S, width]."""
    steps = graph.node("Squeeze", [graph.node("Shape", [sequence], start=1, end=2), graph.constant([0])])
    positions = graph.node("Range", [graph.integer(0), steps, graph.integer(1)])
    numbers = graph.reshaped(graph.node("Cast", [positions], to=TensorProto.FLOAT), [-1, 1])
    return sinusoids(graph, numbers, width)


def _embeddings(place: Place, embedding: WordEmbedding, words: str) -> list[str]:
    columns = _columns(place.graph, words, len(embedding.elements))
    return [_looked_up(place / "elements" / number, column) for number, column in enumerate(columns)]


def _embedded_sequence(place: Place, embedding: WordEmbedding, words: str) -> str:
    """[B, S, E] to [B, S, D]."""
    together = place.graph.node("Concat", _embeddings(place, embedding, words), axis=-1)
    return linear_of_sequence(place / "projection", together)


def _embedded_word(place: Place, embedding: WordEmbedding, word: str, emotions: str, latent: str) -> str:
    """[B, E], [B, 5] and [B, L] to [B, D]."""
    parts = [*_embeddings(place, embedding, word), _mixed(place / "emotion", emotions)]
    if embedding.latent_size:
        parts.append(latent)
    return linear(place / "projection", place.graph.node("Concat", parts, axis=-1))
