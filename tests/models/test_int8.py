"""A matrix in int8 against the formulas at the top of its file, written out in float64."""

import copy
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from loratory.models.int8 import (
    Int8Matrix,
    input_sizes,
    lost_by_rounding,
    multiplies_exactly,
    size_of,
)
from loratory.models.product import frozen_linear, product

pytestmark = pytest.mark.skipif(
    not multiplies_exactly(), reason="this processor has no exact product in int8"
)
# tokens, in, out: tiny, odd, and those of real layers.
SHAPES = [(1, 1, 1), (1, 16, 8), (7, 16, 48), (5, 3, 1), (64, 31, 17), (33, 192, 576), (9, 768, 80)]
shapes = pytest.mark.parametrize(("tokens", "inner", "outer"), SHAPES)


def made(tokens, inner, outer):
    """Return x, g and a weight; rows and tokens are of very different sizes.

    No number of them is so near the middle of two whole ones that float32 could take the other.
    """
    generator = torch.Generator().manual_seed(0)

    def uneven(rows, columns):
        whole = torch.randint(-126, 127, (rows, columns), generator=generator)
        drawn = whole + 0.8 * torch.rand(rows, columns, generator=generator) - 0.4
        drawn[torch.arange(rows), torch.arange(rows) % columns] = 127
        return drawn * torch.rand(rows, 1, generator=generator) ** 4 / 50

    return uneven(tokens, inner), uneven(tokens, outer), uneven(outer, inner)


def rounded(rows):
    """Return rows as int8 with one scale each would hold them."""
    exact = rows.double()
    scale = exact.abs().amax(1, keepdim=True).clamp(min=1e-30) / 127
    return (exact / scale).round() * scale


def cosine(one, other):
    return F.cosine_similarity(one.flatten(), other.flatten(), 0)


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the processor does not say")
def test_a_processor_with_instructions_for_it_multiplies_exactly():
    """Of the products here: none is skipped on such a processor."""
    if "avx512_vnni" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("this one has none")
    assert multiplies_exactly()


@shapes
def test_each_row_of_the_weight_is_rounded_on_its_own_scale(tokens, inner, outer):
    *_, weight = made(tokens, inner, outer)
    torch.testing.assert_close(Int8Matrix.of(weight).dense(), rounded(weight).float())


def test_whole_numbers_are_kept_as_they_are():
    weight = torch.tensor([[127.0, -64, 0], [-1, 127, 3], [0, 0, 0]])
    x, bias = torch.tensor([[1.0, 127, -5], [0, 0, 0]]), torch.tensor([0.5, 0, 2])
    y = Int8Matrix.of(weight).product(x, bias)
    # 127 - 64 * 127 + 0.5, and -1 + 127 * 127 - 15.
    assert y.tolist() == [[-8000.5, 16113, 2], [0.5, 0, 2]]


@shapes
@pytest.mark.parametrize("with_bias", [True, False])
def test_the_product_is_that_of_the_rounded_tokens_and_the_rounded_weight(
    tokens, inner, outer, with_bias
):
    x, _, weight = made(tokens, inner, outer)
    bias = torch.arange(outer) / outer if with_bias else None
    expected = F.linear(rounded(x), rounded(weight), None if bias is None else bias.double())
    found = product(x, Int8Matrix.of(weight), bias)
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5)


@shapes
def test_the_gradient_is_rounded_after_the_rows_scales(tokens, inner, outer):
    """So the weight on the way back is the very one of the way there."""
    x, g, weight = made(tokens, inner, outer)
    scale = weight.double().abs().amax(1) / 127
    expected = rounded(g) @ (rounded(weight) / scale[:, None])
    x.requires_grad_()
    frozen_linear(x, Int8Matrix.of(weight)).backward((g / scale).float())
    torch.testing.assert_close(x.grad, expected.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("tokens", "inner", "outer"), [(33, 192, 576), (300, 768, 80)])
def test_the_product_and_its_gradient_are_near_those_in_float32(tokens, inner, outer):
    x, g, weight = made(tokens, inner, outer)
    matrix = Int8Matrix.of(weight)
    assert cosine(matrix.product(x), x @ weight.T) > 0.9999
    assert cosine(matrix.T.product(g), g @ weight) > 0.999


@shapes
def test_no_entry_is_further_off_than_half_a_step_of_each_number(tokens, inner, outer):
    x, _, weight = made(tokens, inner, outer)
    matrix = Int8Matrix.of(weight)
    step = x.abs().amax(1, keepdim=True) / 127
    bound = step / 2 * matrix.dense().abs().sum(1) * 1.0001 + 1e-6
    assert ((matrix.product(x) - x @ matrix.dense().T).abs() <= bound).all()


def test_a_token_is_computed_alike_whatever_stands_beside_it():
    x, _, weight = made(12, 64, 32)
    matrix = Int8Matrix.of(weight)
    alone = matrix.product(x)[:11]
    x[11] *= 1e4
    assert matrix.product(x)[:11].equal(alone)
    assert matrix.product(x[::2])[:5].equal(alone[::2][:5])


def test_what_is_not_finite_stays_so_in_its_own_token():
    x, _, weight = made(4, 64, 32)
    x[1, 3], x[2, 5] = float("nan"), float("inf")
    finite = Int8Matrix.of(weight).product(x).isfinite()
    assert finite.all(1).tolist() == [True, False, False, True]
    assert not finite[1:3].any()


def test_the_transpose_of_the_transpose_is_the_matrix():
    *_, weight = made(1, 31, 17)
    matrix = Int8Matrix.of(weight)
    assert matrix.T.dense().equal(matrix.dense().T)
    assert matrix.T.T.dense().equal(matrix.dense())


def test_a_matrix_made_for_its_inputs_is_rounded_with_its_columns_balanced():
    """W / c is what is rounded, c^2 the column's size by the input's, to bfloat16's few digits."""
    _, _, weight = made(1, 48, 16)
    sizes = torch.rand(48, generator=torch.Generator().manual_seed(1)) + 0.1
    columns = weight.square().mean(0).sqrt()
    c = (columns / columns.max() / (sizes / sizes.max())).sqrt().to(torch.bfloat16).float()
    matrix = Int8Matrix.of(weight, sizes)
    torch.testing.assert_close(matrix.dense(), (rounded(weight / c) * c).float())
    torch.testing.assert_close(matrix.T.dense(), matrix.dense().T)


def test_inputs_that_are_always_large_leave_the_others_their_digits():
    generator = torch.Generator().manual_seed(2)
    x, weight = (torch.randn(rows, 64, generator=generator) for rows in (30, 48))
    x[:, [5, 40]] *= 200
    weight[:, [5, 40]] /= 200
    exact, g = x @ weight.T, torch.randn(30, 48, generator=generator)
    blind, made_for_it = Int8Matrix.of(weight), Int8Matrix.of(weight, x.square().mean(0).sqrt())
    assert (made_for_it.product(x) - exact).norm() < 0.02 * exact.norm()
    assert (blind.product(x) - exact).norm() > 0.2 * exact.norm()
    assert cosine(made_for_it.T.product(g), g @ weight) > 0.999


@shapes
@pytest.mark.parametrize("biased", [False, True])
def test_inputs_can_be_rounded_in_two_parts(tokens, inner, outer, biased):
    x, _, weight = made(tokens, inner, outer)
    bias = torch.linspace(-1, 1, outer) if biased else None
    first = rounded(x)
    both = first + rounded(x - first)
    expected = F.linear(both, rounded(weight), bias if bias is None else bias.double())
    found = Int8Matrix.of(weight, twice=True).product(x, bias)
    scale = expected.abs().max()
    torch.testing.assert_close(found.double() / scale, expected / scale, rtol=1e-4, atol=1e-5)


def test_two_parts_leave_what_rounding_the_weight_costs():
    generator = torch.Generator().manual_seed(2)
    x, weight = (torch.randn(rows, 768, generator=generator) for rows in (30, 48))
    x[torch.arange(30), torch.arange(30)] = 80  # of every token another
    exact = x.double() @ rounded(weight).T

    def error(*, twice):
        return (Int8Matrix.of(weight, twice=twice).product(x) - exact).norm() / exact.norm()

    assert error(twice=True) < 1e-3
    assert error(twice=False) > 50 * error(twice=True)


def test_what_a_token_loses_by_rounding_is_told_beforehand():
    x, _, weight = made(33, 192, 576)
    sizes = input_sizes(x)
    columns = Int8Matrix.of(weight, sizes).before.double()
    left = (x * columns - rounded((x * columns).float())) / columns
    exact = weight.double()
    lost = (left @ exact.T).norm(dim=1) / (x.double() @ exact.T).norm(dim=1)
    assert lost_by_rounding(x, weight, sizes) == pytest.approx(float(lost.mean()), rel=1e-3)


def test_a_token_that_is_large_in_all_has_no_more_say_than_another():
    x, _, _ = made(33, 192, 576)
    large = x.clone()
    large[7] *= 1e9
    torch.testing.assert_close(input_sizes(large), input_sizes(x))
    assert not torch.allclose(size_of(large), size_of(x), rtol=0.5)


def test_inputs_and_columns_of_nothing_do_no_harm():
    x, _, weight = made(5, 48, 16)
    x[:, 3], weight[:, 7] = 0, 0
    for sizes in (x.square().mean(0).sqrt(), torch.zeros(48)):
        found = Int8Matrix.of(weight, sizes).product(x)
        assert (found - x @ weight.T).norm() < 0.05 * (x @ weight.T).norm()


def test_float64_is_multiplied_without_rounding():
    x, _, weight = made(5, 31, 17)
    matrix = Int8Matrix.of(weight)
    torch.testing.assert_close(matrix.product(x.double()), x.double() @ matrix.dense().double().T)


def test_a_weight_takes_a_byte_for_each_way():
    *_, weight = made(1, 576, 192)
    matrix = Int8Matrix.of(weight)
    for part in (matrix.packed, matrix.T.packed):
        assert part.dtype == torch.int8
        assert part.nbytes == weight.numel()


def test_a_copy_computes_the_same():
    x, _, weight = made(5, 31, 17)
    matrix = Int8Matrix.of(weight)
    assert copy.deepcopy(matrix).product(x).equal(matrix.product(x))
