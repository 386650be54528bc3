import pytest
import torch

from tests.muser.networks import network, some_words


@pytest.mark.parametrize("attention", ["linear", "decaying", "softmax"])
def test_every_word_sees_the_whole_piece(attention: str) -> None:
    encoder = network(attention=attention).encoder
    words, mask = some_words(2, 12)
    before = encoder(words, mask)
    for step in (0, 5, 11):
        changed = words.clone()
        changed[0, step, 4] = (changed[0, step, 4] + 1) % 89
        after = encoder(changed, mask)
        assert (after[0] != before[0]).any(-1).all()
        assert torch.equal(after[1], before[1])


def test_every_element_is_seen() -> None:
    encoder = network().encoder
    words, mask = some_words(2, 12)
    before = encoder(words, mask)
    for column in range(7):
        changed = words.clone()
        changed[0, 3, column] = (changed[0, 3, column] + 1) % 4
        assert not torch.equal(encoder(changed, mask)[0], before[0])


def test_padding_changes_nothing_and_is_zero() -> None:
    encoder = network().encoder
    words, mask = some_words(3, 12)
    longer = torch.nn.functional.pad(words, (0, 0, 0, 5), value=3)  # what stands in padding is not looked at
    before, after = encoder(words, mask), encoder(longer, torch.nn.functional.pad(mask, (0, 5)))
    torch.testing.assert_close(after[:, :12], before, atol=1e-6, rtol=1e-5)
    assert not after[:, 12:].any()
    assert not before[~mask].any()
