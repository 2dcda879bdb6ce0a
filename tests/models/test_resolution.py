"""The three tiling rules, and placement on the grid.

Expected grids, traces and token counts are derived from the published rules (BlueLM-V-3B, arXiv 2411.10640,
Algorithm 1; LLaVA-NeXT `llava/mm_utils.py`; InternVL `dataset.py`) by a separate implementation or by hand.
Figures printed in the paper are marked as printed.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.resolution import (
    Grid,
    Rule,
    choose_grid,
    choose_grids,
    encode_order,
    image_tokens,
    place,
    relaxed_trace,
    square_candidates,
    tile_candidates,
)

SIDES = st.integers(1, 4000)
RULES: tuple[Rule, ...] = ("relaxed", "llava_next", "internvl")
CANDIDATES = [square_candidates(n) for n in range(1, 7)] + [tile_candidates(n) for n in range(1, 13)]

# width, height | LLaVA-NeXT 3x3, 4x4, 6x6 | InternVL max 6, 9, 12 | relaxed 3x3, 4x4, m*n<=9
WORKED = [
    (394, 390, "2:2 2:2 2:2", "1:1 1:1 1:1", "1:1 1:1 1:1"),
    (380, 76, "1:1 1:1 1:1", "5:1 5:1 5:1", "1:1 1:1 1:1"),
    (380, 393, "1:2 1:2 1:2", "1:1 1:1 1:1", "1:1 1:1 1:1"),
    (500, 102, "2:1 2:1 2:1", "5:1 5:1 5:1", "2:1 2:1 2:1"),
    (768, 1536, "2:3 2:4 2:4", "1:2 2:4 2:4", "2:3 2:4 2:4"),
    (1080, 2400, "2:3 2:4 3:6", "1:2 2:4 2:5", "2:3 2:4 2:4"),
    (1260, 2800, "2:3 2:4 3:6", "1:2 2:4 2:5", "2:3 2:4 2:4"),
    (1440, 3200, "2:3 2:4 3:6", "1:2 2:4 2:5", "2:3 2:4 2:4"),
    (640, 480, "2:2 2:2 2:2", "3:2 3:2 4:3", "2:2 2:2 2:2"),
    (800, 600, "3:2 3:2 3:2", "3:2 3:2 4:3", "2:2 2:2 2:2"),
    (1920, 1080, "3:2 4:3 5:3", "2:1 4:2 4:2", "3:2 4:3 4:2"),
    (2000, 500, "3:1 4:1 6:2", "4:1 4:1 4:1", "3:1 4:1 4:1"),
    (4000, 3000, "3:3 4:3 6:5", "3:2 3:2 4:3", "3:3 4:3 3:3"),
    # 1x5000 is the relaxed rule's gap: it chooses nothing, and we choose as LLaVA-NeXT does
    (1, 5000, "1:1 1:1 1:1", "1:6 1:9 1:12", "1:1 1:1 1:1"),
]


def grids(text: str) -> list[Grid]:
    """Read "2:4 3:6" as [(2, 4), (3, 6)]."""
    return [(int(a), int(b)) for a, b in (pair.split(":") for pair in text.split())]


@pytest.mark.parametrize(("width", "height", "llava_next", "internvl", "relaxed"), WORKED)
def test_the_worked_examples(width: int, height: int, llava_next: str, internvl: str, relaxed: str) -> None:
    """Each rule chooses as published, on every set of candidates."""
    squares = [square_candidates(n) for n in (3, 4, 6)]
    by_tiles = [tile_candidates(n) for n in (6, 9, 12)]
    mixed = [square_candidates(3), square_candidates(4), tile_candidates(9)]

    def chosen(rule: Rule, sets: list[tuple[Grid, ...]]) -> list[Grid]:
        return [choose_grid(width, height, rule=rule, candidates=candidates) for candidates in sets]

    assert chosen("llava_next", squares) == grids(llava_next)
    assert chosen("internvl", by_tiles) == grids(internvl)
    assert chosen("relaxed", mixed) == grids(relaxed)


@pytest.mark.parametrize(
    ("width", "height", "rule", "candidates", "printed"),
    [
        (394, 390, "llava_next", square_candidates(3), (2, 2)),  # Fig. 3A: 768x768, 4 times the area
        (394, 390, "relaxed", square_candidates(3), (1, 1)),  # Fig. 3A
        (380, 76, "internvl", tile_candidates(6), (5, 1)),  # Fig. 3B: 1920x384, 25 times the area
        (380, 76, "relaxed", square_candidates(3), (1, 1)),  # Fig. 3B
        (380, 393, "llava_next", square_candidates(3), (1, 2)),  # Fig. 9A: 384x768
        (380, 393, "relaxed", square_candidates(3), (1, 1)),  # Fig. 9A: 384x384
        (500, 102, "internvl", tile_candidates(6), (5, 1)),  # Fig. 9B: 1920x384
        (500, 102, "relaxed", square_candidates(3), (2, 1)),  # Fig. 9B: 768x384
        (768, 1536, "relaxed", square_candidates(4), (2, 4)),  # the test image, 2:4
    ],
)
def test_the_examples_the_paper_prints(
    width: int, height: int, rule: Rule, candidates: tuple[Grid, ...], printed: Grid
) -> None:
    """The grids of BlueLM-V-3B's figures 3 and 9 and its test image, as printed."""
    assert choose_grid(width, height, rule=rule, candidates=candidates) == printed


@pytest.mark.parametrize(("width", "height"), [(1080, 2400), (1260, 2800), (1440, 3200)])
def test_sixteen_tiles_in_any_shape_would_cut_a_phone_screen_3_by_5(width: int, height: int) -> None:
    """With every grid of at most 16 tiles the relaxed rule does not choose the paper's 2:4 for screens."""
    assert choose_grid(width, height, rule="relaxed", candidates=tile_candidates(16)) == (3, 5)


@pytest.mark.parametrize(
    ("width", "height", "n", "trace"),
    [
        (394, 390, 3, "3:3 153660/1173444 3:2 153660/731076 3:1 148608/293760 2:1 148608/146304 1:1 145920/1536"),
        (380, 76, 3, "3:3 28880/1298224 3:2 28880/855856 3:1 28880/413488 2:1 28880/266032 1:1 28880/118576"),
        (
            380,
            393,
            3,
            "3:3 149340/1177764 3:2 149340/735396 3:1 142464/299904 2:1 142464/152448 1:2 149340/145572"
            " 1:1 142464/4992",
        ),
        (500, 102, 3, "3:3 51000/1276104 3:2 51000/833736 3:1 51000/391368 2:1 51000/243912"),
        (768, 1536, 4, "4:4 1179648/1179648 3:4 1179648/589824 2:4 1179648/0"),
    ],
)
def test_the_relaxed_rule_accepts_grid_after_grid(width: int, height: int, n: int, trace: str) -> None:
    """Every accepted grid with its real and empty pixels, derived from Algorithm 1."""
    steps = relaxed_trace(width, height, candidates=square_candidates(n))

    assert " ".join(f"{s.grid[0]}:{s.grid[1]} {s.real}/{s.empty}" for s in steps) == trace


def test_the_refused_grid_of_500x102_keeps_too_little() -> None:
    """1:1 would keep 29952 pixels, 41 % less than 2:1, so the rule refuses it."""
    alone = relaxed_trace(500, 102, candidates=[(1, 1)])

    assert [step.real for step in alone] == [29952]
    assert choose_grid(500, 102, rule="relaxed", candidates=[(2, 1), (1, 1)]) == (2, 1)


def test_the_relaxed_rule_may_keep_less_than_it_had() -> None:
    """A grid with less waste replaces a larger one, which no maximum over a key would do."""
    real = [step.real for step in relaxed_trace(394, 390, candidates=square_candidates(3))]

    assert real[-1] == 145920 < max(real) == 153660


@pytest.mark.parametrize(
    ("width", "real", "expected"),
    [  # 1000 high; 2:1 keeps 384 x int(0.384 * width), 1:3 keeps 384 x int(1000 * 384/width) and wastes more
        (940, [138240, 156672], (1, 3)),  # 13.3 % more
        (960, [141312], (2, 1)),  # 153600 would be 8.7 % more
    ],
)
def test_a_larger_grid_must_keep_over_ten_percent_more(width: int, real: list[int], expected: Grid) -> None:
    """A smaller gain does not justify more waste: derived from Algorithm 1's alpha of 0.1."""
    steps = relaxed_trace(width, 1000, candidates=[(2, 1), (1, 3)])

    assert [step.real for step in steps] == real
    assert steps[-1].grid == expected


@pytest.mark.parametrize(
    ("width", "height", "max_tiles", "in_floats"),
    [
        (70, 120, 6, (2, 3)),  # exact fractions: a tie of 1:2 and 2:3 at 7/12, and 1:2 would stay
        (44, 240, 6, (1, 6)),  # exact fractions: a tie of 1:5 and 1:6 at 11/60, and 1:5 would stay
    ],
)
def test_internvl_compares_floats(width: int, height: int, max_tiles: int, in_floats: Grid) -> None:
    """Exact ties differ in floating point, which the public code compares."""
    assert choose_grid(width, height, rule="internvl", candidates=tile_candidates(max_tiles)) == in_floats


@pytest.mark.parametrize(
    ("side", "expected"),
    # half of 2:2 is 768 * 768 / 2 = 294912 pixels, and 543 * 543 = 294849, 544 * 544 = 295936
    [(543, (1, 1)), (544, (2, 2))],
)
def test_internvl_takes_the_larger_of_two_equal_shapes_when_half_filled(side: int, expected: Grid) -> None:
    """1:1 and 2:2 tie exactly; the larger wins if the image has over half its pixels."""
    assert choose_grid(side, side, rule="internvl", candidates=tile_candidates(6)) == expected


@pytest.mark.parametrize("rule", ["relaxed", "llava_next"])
@pytest.mark.parametrize(
    ("width", "height", "n"), [(1, 1153, 3), (1153, 1, 3), (1, 1537, 4), (2, 2305, 3), (1, 16384, 4)]
)
def test_the_hole_in_the_published_rule_is_filled_with_1_to_1(rule: Rule, width: int, height: int, n: int) -> None:
    """If the short side scales to 0 pixels, the relaxed rule chooses nothing; LLaVA-NeXT chooses 1:1."""
    candidates = square_candidates(n)

    assert relaxed_trace(width, height, candidates=candidates) == ()
    assert choose_grid(width, height, rule=rule, candidates=candidates) == (1, 1)


@pytest.mark.parametrize(("width", "height", "n"), [(1, 1152, 3), (1, 1536, 4), (2, 2304, 3), (1, 1, 3)])
def test_just_before_the_hole_the_rule_still_chooses(width: int, height: int, n: int) -> None:
    """The gap begins where the image is longer than the longest column of tiles."""
    assert relaxed_trace(width, height, candidates=square_candidates(n)) != ()


def test_the_hole_without_1_to_1_takes_the_least_empty_candidate() -> None:
    """LLaVA-1.6's five grids contain no 1:1, so the rule chooses one of them."""
    five = [(1, 2), (2, 1), (2, 2), (3, 1), (1, 3)]

    assert choose_grid(1, 5000, rule="relaxed", candidates=five, tile=336) == (1, 2)


def test_the_candidates_are_counted_and_ordered() -> None:
    """Squares descend by columns, then rows; InternVL's candidates ascend by area."""
    assert square_candidates(2) == ((2, 2), (2, 1), (1, 2), (1, 1))
    assert [len(square_candidates(n)) for n in (3, 4, 6)] == [9, 16, 36]
    assert tile_candidates(4) == ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (1, 4), (2, 2), (4, 1))
    assert [len(tile_candidates(n)) for n in (6, 9, 12)] == [14, 23, 35]


@pytest.mark.parametrize(
    ("grid", "tiles", "vision_tokens", "tokens"),
    [
        ((1, 1), 2, 1458, 392),
        ((2, 1), 3, 2187, 588),
        ((2, 2), 5, 3645, 980),
        ((3, 2), 7, 5103, 1372),
        ((2, 4), 9, 6561, 1764),  # printed in the paper: 6561 -> 1764
        ((3, 3), 10, 7290, 1960),
        ((4, 3), 13, 9477, 2548),
        ((4, 4), 17, 12393, 3332),
    ],
)
def test_tokens_follow_from_the_grid(grid: Grid, tiles: int, vision_tokens: int, tokens: int) -> None:
    """A tile is 729 tokens for SigLIP and 196 for the language model; the thumbnail adds one tile."""
    assert len(encode_order(grid, rule="relaxed")) == tiles
    assert image_tokens(grid, rule="relaxed", per_tile=729) == vision_tokens
    assert image_tokens(grid, rule="relaxed") == tokens


def test_internvl_spends_one_tile_on_a_single_tile() -> None:
    """InternVL appends a thumbnail only to more than one tile."""
    assert image_tokens((1, 1), rule="internvl") == 196
    assert image_tokens((1, 1), rule="relaxed") == 392


@pytest.mark.parametrize(
    ("rule", "grid", "order"),
    [
        ("relaxed", (1, 1), (0, 1)),
        ("llava_next", (2, 2), (0, 1, 2, 3, 4)),
        ("internvl", (1, 1), (1,)),
        ("internvl", (3, 1), (1, 2, 3, 0)),
    ],
)
def test_the_thumbnail_comes_first_or_last(rule: Rule, grid: Grid, order: tuple[int, ...]) -> None:
    """LLaVA-NeXT encodes the whole image first, InternVL last."""
    assert encode_order(grid, rule=rule) == order


@pytest.mark.parametrize(
    ("size", "grid", "fit", "offset"),
    [
        ((768, 1536), (2, 4), (768, 1536), (0, 0)),
        ((1080, 2400), (2, 4), (692, 1536), (38, 0)),  # 1080 * 1536/2400 = 691.2, rounded up; (768-692)//2
        ((640, 480), (2, 2), (768, 576), (0, 96)),
        ((1000, 3), (1, 1), (384, 2), (0, 191)),  # 3 * 0.384 = 1.152, rounded up
        ((1, 5000), (1, 1), (1, 384), (191, 0)),  # (384-1)//2: the odd pixel goes right
        ((1, 1), (1, 1), (384, 384), (0, 0)),
    ],
)
@pytest.mark.parametrize("rule", ["relaxed", "llava_next"])
def test_an_image_is_padded_as_llava_next_does(
    rule: Rule, size: tuple[int, int], grid: Grid, fit: tuple[int, int], offset: tuple[int, int]
) -> None:
    """The fitted side is rounded up, at most to the canvas, and centred."""
    placed = place(*size, grid, rule=rule)

    assert (placed.fit_width, placed.fit_height) == fit
    assert (placed.left, placed.top) == offset
    assert (placed.rule, placed.columns, placed.rows) == (rule, *grid)


def test_internvl_stretches_the_image_over_the_canvas() -> None:
    """InternVL adds no padding, does not keep the aspect and puts the thumbnail last."""
    placed = place(380, 76, (5, 1), rule="internvl", tile=448)

    assert (placed.fit_width, placed.fit_height, placed.left, placed.top) == (2240, 448, 0, 0)
    assert placed.order == [1, 2, 3, 4, 5, 0]


@pytest.mark.parametrize(
    ("size", "rule", "candidates", "tile", "message"),
    [
        ((0, 5), "relaxed", [(1, 1)], 384, "wanted width of at least 1, found 0"),
        ((5, -3), "internvl", [(1, 1)], 384, "wanted height of at least 1, found -3"),
        ((5, 5), "llava_next", [(1, 1)], 0, "wanted tile of at least 1, found 0"),
        ((5, 5), "relaxed", [], 384, "wanted at least one candidate grid, found none"),
        ((5, 5), "relaxed", [(1, 1), (0, 2)], 384, "wanted grids of at least 1 column and 1 row, found 0:2"),
        ((5, 5), "nearest", [(1, 1)], 384, "wanted a rule out of relaxed, llava_next, internvl; found 'nearest'"),
    ],
)
def test_nonsense_is_refused_in_words(
    size: tuple[int, int], rule: Rule, candidates: list[Grid], tile: int, message: str
) -> None:
    """The message says what was wanted and what was found."""
    with pytest.raises(ValueError, match=message):
        choose_grid(*size, rule=rule, candidates=candidates, tile=tile)


def test_placing_and_counting_refuse_nonsense_too() -> None:
    """Every public function makes the same checks."""
    with pytest.raises(ValueError, match="found 0:4"):
        place(10, 10, (0, 4), rule="relaxed")
    with pytest.raises(ValueError, match="found 'padded'"):
        encode_order((1, 1), rule="padded")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="wanted n of at least 1, found 0"):
        square_candidates(0)
    with pytest.raises(ValueError, match="wanted max_tiles of at least 1, found -1"):
        tile_candidates(-1)


@given(SIDES, SIDES, st.sampled_from(CANDIDATES), st.sampled_from([56, 336, 384, 448]))
@settings(max_examples=500)
def test_relaxed_never_needs_more_tiles_than_llava_next(
    width: int, height: int, candidates: tuple[Grid, ...], tile: int
) -> None:
    """The paper's rule aims at fewer tiles than LLaVA-NeXT; it never takes more, on the same candidates."""
    relaxed = choose_grid(width, height, rule="relaxed", candidates=candidates, tile=tile)
    llava_next = choose_grid(width, height, rule="llava_next", candidates=candidates, tile=tile)

    assert relaxed[0] * relaxed[1] <= llava_next[0] * llava_next[1]


@given(
    SIDES,
    SIDES,
    st.sampled_from(RULES),
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=8),
)
def test_the_chosen_grid_is_a_candidate(width: int, height: int, rule: Rule, candidates: list[Grid]) -> None:
    """The choice is always one of the candidates, in the gap too."""
    assert choose_grid(width, height, rule=rule, candidates=candidates) in candidates


@given(SIDES, SIDES, st.sampled_from([6, 9, 12, 16]), st.randoms())
def test_the_order_inside_an_equal_area_does_not_matter_to_internvl(
    width: int, height: int, max_tiles: int, shuffler: random.Random
) -> None:
    """The public code sorts a set by area, so the rest of the order is arbitrary; it never affects the choice."""
    candidates = tile_candidates(max_tiles)
    shuffled = sorted(candidates, key=lambda grid: (grid[0] * grid[1], shuffler.random()))

    assert choose_grid(width, height, rule="internvl", candidates=shuffled) == choose_grid(
        width, height, rule="internvl", candidates=candidates
    )


@given(SIDES, SIDES, st.sampled_from(CANDIDATES), st.randoms())
def test_the_relaxed_rule_brings_its_own_order(
    width: int, height: int, candidates: tuple[Grid, ...], shuffler: random.Random
) -> None:
    """The rule sorts the candidates itself, so their order changes nothing."""
    shuffled = shuffler.sample(candidates, len(candidates))

    assert choose_grid(width, height, rule="relaxed", candidates=shuffled) == choose_grid(
        width, height, rule="relaxed", candidates=candidates
    )


@given(SIDES, SIDES, st.sampled_from(RULES), st.sampled_from(square_candidates(6)), st.sampled_from([56, 384]))
def test_an_image_lies_within_its_canvas_and_touches_two_sides(
    width: int, height: int, rule: Rule, grid: Grid, tile: int
) -> None:
    """Nothing is cut off, one direction is filled, and the margins differ by at most one pixel."""
    placed = place(width, height, grid, rule=rule, tile=tile)
    right = tile * grid[0] - placed.fit_width - placed.left
    below = tile * grid[1] - placed.fit_height - placed.top

    assert min(placed.fit_width, placed.fit_height) >= 1
    assert 0 <= right - placed.left <= 1
    assert 0 <= below - placed.top <= 1
    assert placed.left + right == 0 or placed.top + below == 0


@given(SIDES, SIDES, st.sampled_from(["relaxed", "llava_next"]), st.sampled_from(square_candidates(4)))
def test_padding_keeps_the_aspect_to_a_pixel(width: int, height: int, rule: Rule, grid: Grid) -> None:
    """The shorter side is the exact one rounded up: less than one pixel larger."""
    placed = place(width, height, grid, rule=rule)

    if placed.fit_width == 384 * grid[0]:
        exact = height * placed.fit_width / width
        assert exact - 1e-6 <= placed.fit_height < exact + 1 + 1e-6
    else:
        exact = width * placed.fit_height / height
        assert exact - 1e-6 <= placed.fit_width < exact + 1 + 1e-6


@given(st.sampled_from(square_candidates(6)), st.sampled_from(RULES))
def test_every_tile_is_encoded_once(grid: Grid, rule: Rule) -> None:
    """Tiles 1.. cover the canvas row by row, each once; the thumbnail appears at most once."""
    order = encode_order(grid, rule=rule)
    tiles = [index for index in order if index > 0]
    corners = {((index - 1) % grid[0], (index - 1) // grid[0]) for index in tiles}

    assert tiles == list(range(1, grid[0] * grid[1] + 1))
    assert corners == {(column, row) for column in range(grid[0]) for row in range(grid[1])}
    assert order.count(0) == (0 if rule == "internvl" and grid == (1, 1) else 1)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(SIDES | st.integers(1, 20000), SIDES), min_size=1, max_size=40),
    st.sampled_from(RULES),
    st.sampled_from(CANDIDATES),
)
def test_many_images_are_placed_as_one_by_one(
    sizes: list[tuple[int, int]], rule: Rule, candidates: list[Grid]
) -> None:
    """Image beside image, every choice is that of the loop: also the relaxed rule's gap."""
    widths, heights = np.array(sizes, dtype=np.int64).T

    chosen, nothing = choose_grids(widths, heights, rule=rule, candidates=candidates)

    assert [candidates[place] for place in chosen] == [
        choose_grid(width, height, rule=rule, candidates=candidates) for width, height in sizes
    ]
    assert nothing.tolist() == [
        rule == "relaxed" and not relaxed_trace(width, height, candidates=candidates) for width, height in sizes
    ]


@pytest.mark.parametrize(("width", "height", "llava_next", "internvl", "relaxed"), WORKED)
def test_the_worked_examples_among_many(
    width: int, height: int, llava_next: str, internvl: str, relaxed: str
) -> None:
    """The published ties too: floats are compared as the loops do."""
    for rule, text, candidates in (
        ("relaxed", relaxed, square_candidates(3)),
        ("llava_next", llava_next, square_candidates(3)),
        ("internvl", internvl, tile_candidates(6)),
    ):
        chosen, _ = choose_grids(np.array([width] * 2), np.array([height] * 2), rule=rule, candidates=candidates)  # type: ignore[arg-type]
        assert [candidates[place] for place in chosen] == grids(text)[:1] * 2


def test_no_images_have_no_grids() -> None:
    """An empty table is no error."""
    none = np.array([], dtype=np.int64)

    assert choose_grids(none, none, rule="relaxed", candidates=square_candidates(3))[0].tolist() == []
