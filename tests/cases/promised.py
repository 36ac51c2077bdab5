"""What is promised, word by word: constructs of Python, names of NumPy and SciPy, old mistakes.

Each word of Python names the rows of `constructs.CONSTRUCTS` that use it, and pages or tests of a
misuse; each old mistake names the functions or tests that would show it. The names of NumPy and
SciPy need cases in `table.CASES`. `test_promised.py` holds all of them to that.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A construct of Python: its rows in the tables, and what shows its misuse.

    A misuse is the name of a page in `tests/errors`, or of a function in `end_to_end/checked.py`,
    whose error is raised for data.
    """

    text: str
    rows: tuple[str, ...]
    misused: tuple[str, ...]


def _words(table: str) -> tuple[Word, ...]:
    """The words of lines `word | row | row > misuse misuse`."""
    found: list[Word] = []
    for line in table.strip().splitlines():
        named, _, misused = line.rpartition(" > ")
        word, *rows = (part.strip() for part in named.split(" | "))
        found.append(Word(word, tuple(rows), tuple(misused.split())))
    return tuple(found)


FLOW = _words("""
if, elif, else on data | `if`, `elif`, `else` > array_truth shapes_of_two_paths
conditional expressions | `a if c else b` > kinds_differ choice_of_functions
and, or, not | `and`, `or`, `not` > truth_of_a_connective
chained comparisons | chained comparisons > chained_comparison
for over range | `for` over `range` > range_of_a_float step_zero
for over arrays | `for` over arrays > loop_over_a_number loop_over_what_it_writes_to
for over zip | `for` over `zip` > zipped_with_a_number
for over enumerate | `for` over `enumerate` > products_counted
for over reversed | `for` over `reversed` > reversed_number
for over tuples | `for` over tuples and lists > loop_over_mixed_items
while | `while` > endless_while while_guard
break | `break`, `continue` | `break` out of `while True` > list_of_comprehension_left_early
continue | `break`, `continue` > array_grows_unless_continued
else on loops | `else` of a loop > not_found
early return | `return` early, and in loops > return_on_some_paths after_return
nested loops, bounds of data | nested loops | `for` over a `range` of data > nested
recursion with a static argument | recursion > deeply_recursive endless_recursion
assert, kept as a check | `assert` > static_assert scalar_assert
raise on data, kept | `raise` > static_raise raise_first
print and f-strings, left out | `print`, f-strings, logging > text_of_data text_used
""")

CALLS = _words("""
nested functions and closures | inner functions and closures | `nonlocal` > nonlocal_outside
lambdas | `lambda` > lambda_without_an_argument
default and keyword arguments | default and keyword arguments, `*args`, `**kwargs` > unknown_keyword
*args of arrays | default and keyword arguments, `*args`, `**kwargs` > too_many_arguments
methods of a plain class | plain classes | methods and attributes of objects outside > property_set
functools.partial | `functools.partial` > partial_with_too_many
tuples | tuples > tuple_written too_few_to_unpack
lists built in loops | lists that grow in loops | lists in `for i in range(n)` > list_grows_in_while
list comprehensions | list and dict comprehensions > items_of_two_shapes
generators in sum, max, min | generators in `sum`, `max`, `min` > largest_of_nothing
dicts | dicts | structures as arguments > missing_key
dataclasses | dataclasses > wrong_fields_of_a_dataclass
NamedTuples | NamedTuples > wrong_fields
walrus | `:=` > walrus_of_two_kinds
augmented assignment | several targets, annotations, augmented assignment > in_place_dtype
multiple targets | several targets, annotations, augmented assignment > many_targets_of_a_number
unpacking | tuples | `first, *rest = array` > unpacking number_unpacked
""")

WRITES = _words("""
a[i] = v | `a[i] = v` | `a[i, j] += v` > float_index write_to_outside_array
slices with steps | slices, with steps and from the end > step_of_a_size
a[1:3] *= x | slices, with steps and from the end | `+=` and its kin > slice_times_a_longer_array
fancy stores | index arrays > places_written_with_too_many
boolean stores | masks > mask_of_too_many_axes mask_of_integers_times_a_fraction
np.add.at | `np.add.at` > np_add_at_v_m_1_0
out= arguments | `out=` > out_of_two
views and views of views | views and views of views | rows as views > broadcast_view_written
aliasing through names | swapped buffers | `+=` and its kin > alias_chosen_by_data
transposes | transposes, reshapes, diagonals > fortran_order_written
reshapes | writes through reshapes > reshape_written
arguments written in place | arguments that are written to > slice_of_integers_times_a_fraction
""")

PYTHON = (*FLOW, *CALLS, *WRITES)

ELEMENTWISE = """
add subtract multiply divide floor_divide remainder fmod power float_power negative positive square
sqrt cbrt reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh
tanh arcsinh arccosh arctanh deg2rad rad2deg abs absolute fabs sign floor ceil rint trunc round clip
minimum maximum fmin fmax where select piecewise hypot arctan2 logaddexp logaddexp2 sinc heaviside
nan_to_num
"""
REDUCTIONS = """
sum prod mean var std max min argmax argmin ptp median any all count_nonzero average
"""
RUNNING = "cumsum cumprod diff gradient trapezoid interp convolve correlate"
SHAPES = """
reshape ravel transpose swapaxes moveaxis expand_dims squeeze broadcast_to concatenate stack vstack
hstack column_stack split array_split repeat tile pad flip roll rot90 tril triu diag diagonal trace
eye kron meshgrid outer atleast_1d atleast_2d atleast_3d zeros ones full empty arange linspace
zeros_like ones_like full_like empty_like array
"""
ORDERS = "sort argsort take take_along_axis searchsorted unique"
LINEAR = """
dot vdot inner matmul tensordot einsum linalg.norm linalg.solve linalg.inv linalg.det linalg.slogdet
linalg.cholesky linalg.qr linalg.eigh linalg.svd linalg.lstsq linalg.pinv linalg.multi_dot
linalg.matrix_power fft.fft fft.rfft fft.ifft fft.irfft
"""
NUMPY = tuple(
    f"np.{name}"
    for names in (ELEMENTWISE, REDUCTIONS, RUNNING, SHAPES, ORDERS, LINEAR)
    for name in names.split()
)

_STEPS = "argmax argmin any all count_nonzero argsort searchsorted"
STEPS = frozenset(f"np.{name}" for name in _STEPS.split())
"""What gives places, counts and truth values: steps, without a derivative."""

INDEXING = (
    "x[i]", "x[a:b:c]", "x[array]", "x[mask]", "x[i, j] = y", "x[a:b] = y", "x[a:b] += y",
    "x[array] = y", "x[mask] = y",
)  # fmt: skip

_SPECIAL = """
expit logit log_expit logsumexp softmax log_softmax erf erfc erfinv gammaln digamma gamma beta
betaln xlogy xlog1py log1p expm1 ndtr log_ndtr i0 i1 j0 j1
"""
_STATS = """
norm.logpdf t.logpdf gamma.logpdf beta.logpdf poisson.logpmf binom.logpmf expon.logpdf
lognorm.logpdf multivariate_normal.logpdf norm.logcdf t.logcdf gamma.logcdf beta.logcdf
expon.logcdf lognorm.logcdf poisson.logcdf binom.logcdf
"""
SCIPY = (
    *(f"scipy.special.{name}" for name in _SPECIAL.split()),
    *(f"scipy.stats.{name}" for name in _STATS.split()),
    "scipy.linalg.solve_triangular", "scipy.linalg.cho_solve", "scipy.linalg.expm",
)  # fmt: skip

PAIRS = """
np.add +
np.subtract -
np.multiply *
np.divide /
np.floor_divide //
np.remainder %
np.power **
np.negative -x
np.positive +x
np.matmul @
np.less <
np.less_equal <=
np.greater >
np.greater_equal >=
np.equal ==
np.not_equal !=
np.logical_and &
np.logical_or |
np.logical_not ~
np.abs abs
np.round round
np.sum sum
np.max max
np.min min
np.transpose .T
np.matrix_transpose .mT
np.ravel .flatten
np.linalg.matmul @
np.linalg.norm np.linalg.vector_norm
np.exp math.exp
np.sqrt math.sqrt
np.prod math.prod
np.hypot math.hypot
"""
"""Two spellings of one thing; a method of an array beside its function is asked for by itself."""

OPTIONS = ("axis", "axis tuple", "keepdims", "where", "ddof", "initial", "dtype", "out")
"""What is asked of each reduction, as far as NumPy gives it to that."""

ONE_AXIS = frozenset({"argmax", "argmin"})

MISTAKES: dict[str, tuple[str, ...]] = {
    "in-place updates read later": ("read_after_in_place",),
    "dynamic loops replayed wrongly": ("dynamic_loop_replayed",),
    "`*=` and `/=` on elements": ("elements_times_and_divided",),
    "`continue` in a dynamic loop": ("continue_in_dynamic_loop",),
    "read then overwritten locations": ("read_then_overwritten",),
    "aliasing": ("aliases",),
    "repeated places of a scatter": ("repeated_places",),
    "NaN of the side of `where` that is not taken": ("the_side_not_taken",),
    "broadcasting to an axis of size 1": ("broadcast_to_size_one",),
    "axes of length zero": ("axes_of_length_zero", "test_gradients.py::test_no_rows"),
    "arrays without axes": ("zero_dimensional",),
    "negative steps": ("negative_steps",),
    "Fortran order": ("fortran_order", "fortran_like"),
    "inputs that are not contiguous": ("reversed_input", "test_gradients.py::test_forms_of_input"),
    "read-only inputs": ("test_gradients.py::test_forms_of_input",),
    "byte-swapped inputs": ("test_gradients.py::test_forms_of_input",),
    "Python's and NumPy's scalars": ("scalars_of_both",),
    "a scalar against a vector": ("scalar_against_vector",),
    "an argument's name rebound": ("argument_rebound", "arguments_rebound"),
    "`np.r_` and `np.c_`": ("r_and_c",),
    "stacked `det`, `inv`, `solve`": ("stacked_matrices",),
    "`matmul` that broadcasts a leading 1": ("matmul_leading_one",),
    "`einsum` with a transposed operand": ("einsum_transposed",),
    "a helper that writes into a row of its argument": ("helper_writes_a_row",),
    "`+=` on an argument inside of a called function": (
        "helper_augments_its_argument", "helper_augments_a_number",
    ),
    "integers stored into arrays of floats": ("integers_stored_into_floats",),
    "names of a module that shadow built-ins": ("names_shadow_builtins",),
    "arguments that are dicts": ("dict_argument",),
    "arrays of a helper that are then written to": (
        "returned_array_written", "returned_view_written",
    ),
}  # fmt: skip
"""Functions of `end_to_end/mistakes.py`, or tests in `end_to_end/`."""
