"""The simulator runs correct kernels and finds every mistake that is put into them."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("greenlet", reason="the simulator of CUDA kernels runs on greenlets")

from codegen_ad.testing import lockstep
from codegen_ad.testing.lockstep import (
    Deadlock,
    Divergence,
    LockstepError,
    OrderMatters,
    OutOfBounds,
    RaceFound,
    UnwrittenRead,
    agree,
    launch,
    load,
)

TEXT = (Path(__file__).parent / "hand_kernels.py").read_text(encoding="utf-8")
HEAD = "import math\nimport numpy as np\nfrom numba import cuda\n"


def data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return rng.normal(size=n), rng.normal(size=n)


def loss_arguments(n: int, blocks: int) -> list:
    x, y = data(n)
    partial = lockstep.poison((blocks, 3), np.float64)
    out = lockstep.poison(3, np.float64)
    return [np.float64(1.5), np.float64(-0.3), x, y, partial, np.zeros(1, np.int32), out]


def fit_arguments(n: int, *workspace: np.ndarray) -> list:
    x, y = data(n)
    out = lockstep.poison(2, np.float64)
    return [x, y, np.zeros(2), *workspace, out, 5, np.float64(0.01)]


def fitted(n: int) -> np.ndarray:
    x, y = data(n)
    p = np.zeros(2)
    for _ in range(5):
        r = p[0] + p[1] * x - y
        p -= 0.01 * np.array([r.sum(), r @ x])
    return p


def snippet(body: str, *parameters: str) -> lockstep.KernelFile:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return load(f"{HEAD}def kernel({', '.join(parameters)}):\n{lines}\n")


# Correct kernels ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "blocks", "threads"), [(100, 3, 64), (1, 1, 32), (0, 2, 64)])
def test_a_loss_and_its_gradient(n: int, blocks: int, threads: int) -> None:
    arguments = loss_arguments(n, blocks)
    found = agree(load(TEXT), "line_value_and_grad", blocks, threads, arguments)
    a, b, x, y = arguments[:4]
    with np.errstate(all="ignore"):
        e = np.exp(b * x)
        r = a * e - y
        wanted = np.array([(r**2).sum(), (2 * r * e).sum(), (2 * r * a * x * e).sum()]) / n
    np.testing.assert_allclose(found[-1], wanted, rtol=1e-13)
    assert found[-2][0] == 0, "the counter is ready for the next launch"


def test_fits_by_a_warp_a_block_and_a_grid() -> None:
    kernels = load(TEXT)
    warp = agree(kernels, "fit_warp", 1, 32, fit_arguments(50))
    block = agree(kernels, "fit_block", 1, 64, fit_arguments(50))
    partial = lockstep.poison((2, 3, 2), np.float64)
    grid = agree(kernels, "fit_grid", 3, 32, fit_arguments(50, partial))
    for arguments in (warp, block, grid):
        np.testing.assert_allclose(arguments[-3], fitted(50), rtol=1e-12)


def test_what_a_launch_did_is_counted() -> None:
    counts = launch(load(TEXT), "line_value_and_grad", 2, 64, loss_arguments(10, 2))
    assert (counts.barriers, counts.exchanges) == (2 * 3, 2 * 2 * 15)
    assert (counts.fences, counts.atomics) == (2 * 64 + 64, 2)
    assert counts.shared_bytes == 4 * 3 * 8 + 4


# Mutations ----------------------------------------------------------------------------------------

MUTATIONS = {
    "a removed barrier: rows": ("    cuda.syncthreads()  # the rows of all warps are there\n", ""),
    "a removed barrier: count": ("    cuda.syncthreads()  # all know whether they are last\n", ""),
    "a removed barrier: row": ("    cuda.syncthreads()  # the row is whole\n", ""),
    "a removed fence before": (
        "    cuda.threadfence()  # a block's row comes before its count",
        "",
    ),
    "a removed fence after": ("    cuda.threadfence()  # the count comes before", "    #"),
    "an index one too far": ("for block in range(cuda.gridDim.x):", "for block in range(9):"),
    "a row of another block": ("partial[cuda.blockIdx.x, cuda.", "partial[0, cuda."),
    "a warp too many": ("for w in range(warps):", "for w in range(warps + 1):"),
    "no atomic": (
        "last[0] = cuda.atomic.add(counter, 0, np.int32(1))",
        "last[0] = counter[0]; counter[0] += 1",
    ),
    "a shuffle in a branch": (
        "d_a += cuda.shfl_down_sync(0xFFFFFFFF, d_a, offset)",
        "d_a += cuda.shfl_down_sync(0xFFFFFFFF, d_a, offset) if lane < 16 else 0.0",
    ),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_mistake_is_found_in_each_order(what: str) -> None:
    old, new = MUTATIONS[what]
    assert TEXT.count(old) >= 1
    kernels = load(TEXT.replace(old, new))
    for order in lockstep.ORDERS:
        with pytest.raises(LockstepError):
            launch(kernels, "line_value_and_grad", 3, 64, loss_arguments(100, 3), order=order)


def test_a_removed_double_buffer_is_found() -> None:
    kernels = load(TEXT.replace("turn = 1 - turn", "turn = 0"))
    with pytest.raises(RaceFound, match="overwrites element"):
        launch(kernels, "fit_block", 1, 64, fit_arguments(50))
    partial = lockstep.poison((2, 3, 2), np.float64)
    with pytest.raises(RaceFound):
        launch(kernels, "fit_grid", 3, 32, fit_arguments(50, partial))


def test_sums_in_the_order_of_arrival_are_found() -> None:
    kernels = snippet("cuda.atomic.add(out, 0, x[cuda.grid(1)])", "x", "out")
    x = np.random.default_rng(0).normal(size=96)
    with pytest.raises(OrderMatters, match="kernel: out differs in order"):
        agree(kernels, "kernel", 3, 32, [x, np.zeros(1)])


BLOCKS_MEET = """
@cuda.jit(device=True)
def meet(arrived, expected):
    cuda.syncthreads()
    expected += cuda.gridDim.x
    if cuda.threadIdx.x == 0:
        cuda.threadfence()
        cuda.atomic.add(arrived, 0, 1)
        while cuda.atomic.add(arrived, 0, 0) < expected:
            pass
        cuda.threadfence()
    cuda.syncthreads()
    return expected

def kernel(writer, x, out, arrived):
    block, expected = cuda.blockIdx.x, 0
    for step in range(3):
        if (block == writer) & (cuda.threadIdx.x == 0):
            x[0] = step
        expected = meet(arrived, expected)  # one has written
        if (block != writer) & (cuda.threadIdx.x == 0):
            out[step] = x[0]
        expected = meet(arrived, expected)  # the other has read
"""


@pytest.mark.parametrize("writer", [0, 1])
def test_a_barrier_of_one_direction_is_missed_in_each_order(writer: int) -> None:
    """Who waits for another block learns what it did before, not what it went on to do."""
    text = HEAD + BLOCKS_MEET
    arguments = [writer, np.zeros(1), np.zeros(3), np.zeros(1, np.int32)]
    found = agree(load(text), "kernel", 2, 32, arguments)
    assert list(found[2]) == [0, 1, 2]
    for what in ("one has written", "the other has read"):
        mutated = load(text.replace(f"expected = meet(arrived, expected)  # {what}", "pass"))
        for order in lockstep.ORDERS:
            fresh = [writer, np.zeros(1), np.zeros(3), np.zeros(1, np.int32)]
            with pytest.raises(RaceFound):
                launch(mutated, "kernel", 2, 32, fresh, order=order)


# One construct each -------------------------------------------------------------------------------


def test_memory_begins_undefined() -> None:
    for where in ("shared", "local"):
        kernels = snippet(f"s = cuda.{where}.array(4, dtype=np.float32)\nout[0] = s[0]", "out")
        with pytest.raises(UnwrittenRead, match=f"the {where} array of line 5"):
            launch(kernels, "kernel", 1, 1, [np.zeros(1)])


@pytest.mark.parametrize("index", ["4", "-1", "0, 1"])
def test_an_index_outside_is_found(index: str) -> None:
    with pytest.raises(OutOfBounds) as caught:
        launch(snippet(f"out[{index}] = 1.0", "out"), "kernel", 1, 1, [np.zeros(4)])
    assert "out" in str(caught.value)
    assert "thread 0 of block 0" in caught.value.__notes__[0]


def test_a_barrier_in_a_branch_diverges() -> None:
    kernels = snippet("if cuda.threadIdx.x < 7:\n    cuda.syncthreads()")
    with pytest.raises(Divergence, match="is not reached by all its threads alike"):
        launch(kernels, "kernel", 1, 64, [])
    kernels = snippet("if cuda.grid(1) < 32:\n    cuda.cg.this_grid().sync()")
    with pytest.raises(Divergence, match="a barrier of the grid"):
        launch(kernels, "kernel", 2, 32, [])
    text = "if cuda.threadIdx.x < 7:\n    cuda.syncthreads()\nelse:\n    cuda.syncthreads()"
    with pytest.raises(Divergence):
        launch(snippet(text), "kernel", 1, 64, [])


def test_a_lock_that_nobody_opens_is_a_deadlock() -> None:
    kernels = snippet("while cuda.atomic.cas(flag, 0, 2, 3) != 2:\n    pass", "flag")
    with pytest.raises(Deadlock, match="no thread can go on"):
        launch(kernels, "kernel", 1, 2, [np.zeros(1, np.int32)])


def test_a_lock_that_another_block_opens_is_passed() -> None:
    text = """
if cuda.blockIdx.x == 0:
    while cuda.atomic.cas(flag, 0, 1, 2) != 1:
        cuda.nanosleep(10)
    cuda.threadfence()
    out[0] = box[0]
else:
    box[0] = 7.0
    cuda.threadfence()
    cuda.atomic.exch(flag, 0, 1)
"""
    arguments = [np.zeros(1, np.int32), np.zeros(1), np.zeros(1)]
    kernels = snippet(text, "flag", "box", "out")
    assert agree(kernels, "kernel", 2, 1, arguments)[2][0] == 7.0
    for fence in ("    cuda.threadfence()\n    out", "    cuda.threadfence()\n    cuda"):
        broken = snippet(text.replace(fence, "    " + fence.split()[-1]), "flag", "box", "out")
        with pytest.raises(RaceFound):
            agree(broken, "kernel", 2, 1, arguments)


def test_shuffles_and_votes() -> None:
    text = """
lane = cuda.laneid
v = np.float32(lane)
out[0, lane] = cuda.shfl_sync(0xFFFFFFFF, v, 5)
out[1, lane] = cuda.shfl_up_sync(0xFFFFFFFF, v, 3)
out[2, lane] = cuda.shfl_down_sync(0xFFFFFFFF, v, 3)
out[3, lane] = cuda.shfl_xor_sync(0xFFFFFFFF, v, 6)
out[4, lane] = cuda.ballot_sync(0xFFFFFFFF, lane % 2 == 0)
out[5, lane] = cuda.any_sync(0xFFFFFFFF, lane == 9) + 2 * cuda.all_sync(0xFFFFFFFF, lane < 9)
out[6, lane] = cuda.match_any_sync(0xFFFFFFFF, lane // 16)
out[7, lane] = cuda.syncthreads_count(lane < 5)
if lane < 8:
    out[8, lane] = cuda.shfl_xor_sync(0xFF, v, 1)
else:
    out[8, lane] = cuda.shfl_xor_sync(0xFFFFFF00, v, 2)
"""
    out = agree(snippet(text, "out"), "kernel", 1, 32, [np.zeros((9, 32))])[0]
    lane = np.arange(32)
    wanted = [
        np.full(32, 5), np.where(lane < 3, lane, lane - 3), np.where(lane > 28, lane, lane + 3),
        lane ^ 6, np.full(32, 0x55555555), np.ones(32),
        np.where(lane < 16, 0xFFFF, 0xFFFF0000), np.full(32, 5),
        np.where(lane < 8, lane ^ 1, lane ^ 2),
    ]  # fmt: skip
    np.testing.assert_array_equal(out, wanted)


def test_a_shuffle_from_a_lane_that_takes_no_part_is_poison() -> None:
    text = "out[cuda.laneid] = cuda.shfl_down_sync(0xFFFFFFFF, np.float32(1), 16)"
    out = agree(snippet(text, "out"), "kernel", 1, 20, [np.zeros(20)])[0]
    lane = np.arange(20)
    np.testing.assert_array_equal(np.isnan(out), (lane >= 4) & (lane < 16))


def test_single_precision_stays() -> None:
    text = """
x = np.float32(0.1)
for f in (math.exp(x), math.tanh(x), math.pow(x, x), math.erf(x), cuda.fma(x, x, x), x * 2):
    assert type(f) is np.float32, type(f)
assert math.log(np.float64(0.0)) == -np.inf
assert np.isnan(math.sqrt(-1.0)) and math.exp(1000.0) == np.inf
out[0] = math.floor(x)
"""
    launch(snippet(text, "out"), "kernel", 1, 1, [np.ones(1)])


def test_atomics_of_all_kinds() -> None:
    text = """
cuda.atomic.add(v, 0, 1)
cuda.atomic.sub(v, 1, 1)
cuda.atomic.max(v, 2, cuda.grid(1))
cuda.atomic.min(v, 3, -cuda.grid(1))
cuda.atomic.or_(v, 4, 1 << cuda.threadIdx.x)
cuda.atomic.inc(v, 5, 9)
"""
    v = agree(snippet(text, "v"), "kernel", 2, 8, [np.zeros(6, np.int64)])[0]
    np.testing.assert_array_equal(v, [16, -16, 15, -15, 255, 6])


def test_threads_of_a_warp_meet_at_its_barrier() -> None:
    text = """
s = cuda.shared.array(32, dtype=np.int32)
s[cuda.laneid] = cuda.laneid
cuda.syncwarp()
out[cuda.laneid] = s[31 - cuda.laneid]
"""
    out = agree(snippet(text, "out"), "kernel", 1, 32, [np.zeros(32)])[0]
    np.testing.assert_array_equal(out, np.arange(32)[::-1])
    with pytest.raises((RaceFound, UnwrittenRead)):
        launch(snippet(text.replace("cuda.syncwarp()", ""), "out"), "kernel", 1, 32, [np.zeros(32)])
