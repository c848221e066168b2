"""Places of nodes, computed before a page is opened, so that it opens at once."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

# The distance between neighbours, in pixels.
DISTANCE = 110.0
STEPS = 80
# The distance up to which nodes push each other apart, in distances of neighbours.
REACH = 3.0
# The width of the whole to its height.
ASPECT = 1.5


def place_nodes(count: int, edges: Sequence[tuple[int, int]]) -> np.ndarray:
    """Place the nodes of a graph: each connected part by the forces of its edges (Fruchterman and Reingold 1991), the
    parts beside each other, the largest first. The same graph is always placed alike.

    :param edges: The numbers of the nodes that each edge joins.
    :returns: *Shape:* (count, 2)
    """
    places = np.zeros((count, 2))
    if not count:
        return places
    ends = np.array(edges, dtype=int).reshape(-1, 2)
    matrix = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, part_of = connected_components(matrix, directed=False)
    parts = sorted((np.flatnonzero(part_of == part) for part in np.unique(part_of)), key=len, reverse=True)
    number = np.zeros(count, dtype=int)
    boxes = []
    for part in parts:
        number[part] = np.arange(len(part))
        inner = number[ends[part_of[ends[:, 0]] == part_of[part[0]]]]
        places[part] = _spread(len(part), inner)
        places[part] -= places[part].min(axis=0)
        boxes.append(places[part].max(axis=0) + 1.5 * DISTANCE)
    for part, corner in zip(parts, _pack(boxes)):
        places[part] += corner
    return places


def _spread(count: int, edges: np.ndarray) -> np.ndarray:
    """Place the nodes of one connected part."""
    if count == 1:
        return np.zeros((1, 2))
    angles = np.arange(count) * math.pi * (3 - math.sqrt(5))
    radius = DISTANCE * np.sqrt(np.arange(count) + 0.5) * 0.7
    places = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    steps = max(10, min(STEPS, 40_000_000 // count**2))
    heat = DISTANCE * math.sqrt(count) / 3
    for step in range(steps):
        square = np.maximum(cdist(places, places, "sqeuclidean"), 1.0)
        push = DISTANCE**2 / square
        # What is far away does not push, so that the whole stays together.
        push[square >= (REACH * DISTANCE) ** 2] = 0.0
        move = places * push.sum(axis=1, keepdims=True) - push @ places
        pull = places[edges[:, 0]] - places[edges[:, 1]]
        pull *= np.linalg.norm(pull, axis=1, keepdims=True) / DISTANCE
        np.add.at(move, edges[:, 0], -pull)
        np.add.at(move, edges[:, 1], pull)
        length = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-6)
        places += move / length * np.minimum(length, heat * (1 - step / steps))
    return places


def _pack(boxes: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """The corners of boxes on shelves, for a whole of about `ASPECT`."""
    width = max(math.sqrt(sum(w * h for w, h in boxes) * ASPECT), max(w for w, _ in boxes))
    corners = []
    x = y = shelf = 0.0
    for box_width, box_height in boxes:
        if x and x + box_width > width:
            x, y, shelf = 0.0, y + shelf, 0.0
        corners.append((x, y))
        x += box_width
        shelf = max(shelf, box_height)
    return corners
