import os
import socket
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from affetti.layers.vector_quantizer import VectorQuantizer


def with_codes(codes: list[list[float]], **changes: float) -> VectorQuantizer:
    """One codebook with these codes, each used once."""
    quantizer = VectorQuantizer(codebooks=1, codes=len(codes), width=len(codes[0]), **changes)
    quantizer.codebook.copy_(torch.tensor([codes]))
    quantizer.sums.copy_(quantizer.codebook)
    quantizer.counts.fill_(1.0)
    return quantizer


def all_real(vectors: torch.Tensor) -> torch.Tensor:
    return torch.ones(vectors.shape[:2], dtype=torch.bool)


def test_the_nearest_code_of_each_block_is_chosen() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(codebooks=3, codes=5, width=2).eval()
    quantizer.codebook.normal_()
    vectors = torch.randn(2, 7, 6)
    result = quantizer(vectors, all_real(vectors))
    for book in range(3):
        block = vectors[..., 2 * book : 2 * book + 2]
        expected = torch.cdist(block, quantizer.codebook[book].expand(2, -1, -1)).argmin(-1)
        assert torch.equal(result.codes[..., book], expected)
        torch.testing.assert_close(result.vectors[..., 2 * book : 2 * book + 2], quantizer.codebook[book][expected])
    assert torch.equal(quantizer.look_up(result.codes), result.vectors)


def test_the_gradient_goes_straight_through_and_the_commitment_pulls() -> None:
    quantizer = with_codes([[0.0, 0.0], [1.0, 1.0]]).eval()
    vectors = torch.tensor([[[0.9, 0.8], [0.1, -0.2]]], requires_grad=True)
    result = quantizer(vectors, all_real(vectors))
    weight = torch.tensor([[[2.0, -3.0], [5.0, 7.0]]])
    (passed,) = torch.autograd.grad((result.vectors * weight).sum(), vectors, retain_graph=True)
    assert torch.equal(passed, weight)
    # mean of squares: (0.01 + 0.04 + 0.01 + 0.04) / 4
    assert result.commitment.item() == pytest.approx(0.025)
    (pull,) = torch.autograd.grad(result.commitment, vectors)
    torch.testing.assert_close(pull, torch.tensor([[[-0.05, -0.1], [0.05, -0.1]]]))


def test_codes_follow_their_vectors_by_a_hand_computed_case() -> None:
    quantizer = with_codes([[0.0], [10.0]], decay=0.9)
    vectors = torch.tensor([[[1.0], [2.0], [9.0]]])
    quantizer(vectors, all_real(vectors))
    # first code: sums 0.9·0 + 0.1·(1 + 2) = 0.3, counts 0.9·1 + 0.1·2 = 1.1; second: 0.9·10 + 0.1·9 = 9.9 and 1.0
    torch.testing.assert_close(quantizer.counts, torch.tensor([[1.1, 1.0]]))
    torch.testing.assert_close(quantizer.codebook, torch.tensor([[[0.3 / 1.1], [9.9]]]))
    before = quantizer.codebook.clone()
    quantizer.eval()(vectors, all_real(vectors))
    assert torch.equal(quantizer.codebook, before)


def test_a_dead_code_is_moved_to_the_vector_that_is_served_worst() -> None:
    quantizer = with_codes([[0.0], [1.0], [50.0]], dead_share=0.03)
    quantizer.counts.copy_(torch.tensor([[1.0, 1.0, 0.01]]))
    vectors = torch.tensor([[[0.1], [0.9], [7.0], [0.2]]])
    codes = quantizer(vectors, all_real(vectors)).codes[0, :, 0]
    assert codes.tolist() == [0, 1, 2, 0]
    assert quantizer.codebook[0, 2].item() == pytest.approx(7.0)
    average = 2.01 / 3  # and the new code counts 2 · 0.03 · average, then 0.99 of it and 0.01 · 1
    assert quantizer.counts[0, 2].item() == pytest.approx(0.99 * 0.06 * average + 0.01)


def test_the_first_batch_places_all_codes_and_every_vector_finds_one() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(codebooks=2, codes=8, width=3)
    centres = 10 * torch.randn(4, 6)
    mask = torch.arange(50) < torch.tensor([[50], [30]])
    for _ in range(300):
        vectors = centres[torch.randint(0, 4, (2, 50))] + 0.01 * torch.randn(2, 50, 6)
        result = quantizer(vectors, mask)
    assert result.commitment < 0.01
    assert torch.isfinite(quantizer.codebook).all()


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(2, 9, 4)
    mask = torch.arange(9) < torch.tensor([[9], [4]])
    quantizers = [VectorQuantizer(codebooks=2, codes=6, width=2) for _ in range(2)]
    for _ in range(3):
        first = quantizers[0](vectors, mask)
        longer = torch.nn.functional.pad(torch.where(mask[..., None], vectors, 1e6), (0, 0, 0, 5), value=-1e6)
        second = quantizers[1](longer, torch.nn.functional.pad(mask, (0, 5)))
        torch.testing.assert_close(first.vectors, second.vectors[:, :9])
        assert torch.equal(first.codes, second.codes[:, :9])
        torch.testing.assert_close(first.commitment, second.commitment)
    for name, buffer in quantizers[0].named_buffers():
        torch.testing.assert_close(buffer, quantizers[1].get_buffer(name))
    assert not first.vectors[~mask].any()
    assert not first.codes[~mask].any()


def test_distances_are_exact_under_autocast() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(codebooks=1, codes=256, width=32).eval()
    quantizer.codebook.normal_()
    vectors = torch.randn(4, 100, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        codes = quantizer(vectors, all_real(vectors)).codes
    assert torch.equal(codes, quantizer(vectors, all_real(vectors)).codes)


def _batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(7)
    lengths = torch.tensor([[12], [5], [9], [3]])
    return [(torch.randn(4, 12, 4, generator=generator), torch.arange(12) < lengths) for _ in range(20)]


def _one_of_two(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    quantizer = VectorQuantizer(codebooks=2, codes=16, width=2, dead_share=0.3)
    for vectors, mask in _batches():
        own = slice(rank, None, 2)
        longest = int(mask[own].sum(1).max())  # the processes see batches of different lengths
        quantizer(vectors[own, :longest], mask[own, :longest])
    torch.save(dict(quantizer.named_buffers()), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_learn_the_codes_that_one_does(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(_one_of_two, (port, str(tmp_path)), nprocs=2)
    alone = VectorQuantizer(codebooks=2, codes=16, width=2, dead_share=0.3)
    for vectors, mask in _batches():
        alone(vectors, mask)
    for rank in range(2):
        for name, buffer in torch.load(tmp_path / f"{rank}.pt", weights_only=True).items():
            torch.testing.assert_close(buffer, alone.get_buffer(name))


def test_blocks_that_say_nothing_are_silent_and_move_no_code() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(codebooks=2, codes=8, width=3, sizes=(8, 4), has_silence=True)
    vectors = torch.randn(3, 20, 6)
    speaks = torch.rand(3, 20, 2) < 0.5
    other = torch.where(speaks.repeat_interleave(3, -1), vectors, 50.0)
    for _ in range(3):
        result = quantizer(other, speaks)
    assert not quantizer.codebook[:, 0].any()
    assert not quantizer.codebook[1, 4:].any()
    assert quantizer.codebook.abs().max() < 10
    result = quantizer.eval()(other, speaks)
    assert torch.equal(result.codes == 0, ~speaks)
    assert result.codes[..., 1].max() == 3
    assert torch.equal(quantizer.look_up(result.codes), result.vectors)
    assert torch.equal(result.codes, quantizer(vectors, speaks).codes)
