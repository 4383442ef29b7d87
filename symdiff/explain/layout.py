"""The places of a picture's boxes: layers from top to bottom, few crossings.

In: boxes, and the boxes that each reads. Out: centres, and the points that lines go
through. Invariant: a box stands above its readers, boxes of a layer do not overlap, and
the same boxes always get the same places.

The steps are those of Sugiyama, Tagawa and Toda (1981): layers by longest paths,
invisible boxes where a line crosses a layer, orders by the mean place of neighbours,
then places.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

GAP, RISE, MARGIN = 24.0, 44.0, 16.0
SWEEPS = 8


@dataclass(frozen=True)
class Box:
    """A box of some size; ``reads`` names those that lines come from."""

    name: str
    width: float
    height: float
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """Centres by name, lines as points from box to box, and the size of all."""

    centres: dict[str, tuple[float, float]]
    edges: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


@dataclass
class _Item:
    """A box, or the place where a line crosses a layer."""

    width: float
    height: float
    layer: int
    above: list[int]
    below: list[int]
    x: float = 0.0


def layout(boxes: Sequence[Box]) -> Drawing:
    """Return the places of boxes; each may read those before it in the sequence."""
    items, chains = _items(boxes)
    layers: list[list[int]] = [
        [] for _ in range(max((i.layer for i in items), default=-1) + 1)
    ]
    for number, item in enumerate(items):
        layers[item.layer].append(number)
    _order(items, layers)
    _place(items, layers)
    return _placed(boxes, items, layers, chains)


def _items(boxes: Sequence[Box]) -> tuple[list[_Item], list[list[int]]]:
    """Return boxes and crossings, and each line as the items that it goes through."""
    number = {b.name: i for i, b in enumerate(boxes)}
    depth = [0] * len(boxes)
    for i, box in enumerate(boxes):
        depth[i] = max(
            (depth[number[r]] + 1 for r in box.reads if r in number), default=0
        )
    first: dict[int, int] = {}  # a box that reads nothing goes above its first reader
    for i, box in enumerate(boxes):
        for r in box.reads:
            if r in number:
                first[number[r]] = min(first.get(number[r], depth[i]), depth[i])
    for i, box in enumerate(boxes):
        if not any(r in number for r in box.reads) and i in first:
            depth[i] = max(first[i] - 1, 0)
    items = [_Item(b.width, b.height, depth[i], [], []) for i, b in enumerate(boxes)]
    chains: list[list[int]] = []
    for i, box in enumerate(boxes):
        for r in dict.fromkeys(box.reads):
            if r not in number:
                continue
            chain = [number[r]]
            for layer in range(depth[number[r]] + 1, depth[i]):
                items.append(_Item(8.0, 0.0, layer, [], []))
                chain.append(len(items) - 1)
            chain.append(i)
            for a, b in itertools.pairwise(chain):
                items[a].below.append(b)
                items[b].above.append(a)
            chains.append(chain)
    return items, chains


def _order(items: list[_Item], layers: list[list[int]]) -> None:
    """Sort each layer by the mean place of its neighbours, downwards and upwards."""
    place = {n: i for layer in layers for i, n in enumerate(layer)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            keys = {}
            for n in layer:
                near = items[n].above if down else items[n].below
                mean = sum(place[m] for m in near) / len(near) if near else place[n]
                keys[n] = (mean, place[n])
            layer.sort(key=keys.__getitem__)
            place.update((n, i) for i, n in enumerate(layer))


def _place(items: list[_Item], layers: list[list[int]]) -> None:
    """Move items towards their neighbours, in order and without overlap."""
    for layer in layers:
        right = 0.0
        for n in layer:
            items[n].x = right + items[n].width / 2
            right += items[n].width + GAP
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = []
            for n in layer:
                near = items[n].above + items[n].below
                mean = sum(items[m].x for m in near) / len(near) if near else items[n].x
                wanted.append(mean)
            _settle(items, layer, wanted)


def _settle(items: list[_Item], layer: list[int], wanted: list[float]) -> None:
    """Give items the places nearest to those wanted, with enough room between them.

    Runs of items that touch move together, to their mean (least squares).
    """
    # the sum of the starts that the items of a run want for it, and their count
    runs: list[tuple[float, int]] = []
    offsets: list[float] = []
    total = 0.0
    for i, n in enumerate(layer):
        if i:
            total += (items[layer[i - 1]].width + items[n].width) / 2 + GAP
        offsets.append(total)
        start, count = wanted[i] - total, 1
        while runs and runs[-1][0] / runs[-1][1] > start / count:
            before, more = runs.pop()
            start, count = start + before, count + more
        runs.append((start, count))
    i = 0
    for start, count in runs:
        for n in layer[i : i + count]:
            items[n].x = start / count + offsets[layer.index(n, i)]
        i += count


def _placed(
    boxes: Sequence[Box],
    items: list[_Item],
    layers: list[list[int]],
    chains: list[list[int]],
) -> Drawing:
    left = min((i.x - i.width / 2 for i in items), default=0.0) - MARGIN
    right = max((i.x + i.width / 2 for i in items), default=0.0) + MARGIN
    levels: list[float] = []
    heights = [max(items[n].height for n in layer) for layer in layers]
    bottom = MARGIN
    for height in heights:
        levels.append(bottom + height / 2)
        bottom += height + RISE
    centres = [(item.x - left, levels[item.layer]) for item in items]
    edges = []
    for chain in chains:
        first, last = items[chain[0]], items[chain[-1]]
        x, y = centres[chain[0]]
        points = [(x, y + first.height / 2)]
        for n in chain[1:-1]:  # pass the boxes of the layer vertically
            (x, y), half = centres[n], heights[items[n].layer] / 2
            points += [(x, y - half), (x, y + half)]
        x, y = centres[chain[-1]]
        edges.append((*points, (x, y - last.height / 2)))
    names = {b.name: centres[i] for i, b in enumerate(boxes)}
    return Drawing(names, tuple(edges), right - left, bottom - RISE + MARGIN)
