"""How well a finished canvas hides its seam, when the true continuation is known.

All figures are taken from 8-bit pictures ``[H, W, 3]`` and the place of the original, ``box = (top, left, height,
width)``. Steps and detail are compared with the same measurement along lines parallel to the seam, so that a real
photograph scores as a real photograph does, not as zero.
"""

from __future__ import annotations

import io
from dataclasses import astuple, dataclass, fields

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

SEGMENT = 48
STEP_WIDTHS = (1, 2, 4, 8, 16, 32)
TONE_WIDTHS = (8, 16, 32)
SHALLOWEST = 24
# Energy of a step in Lab below which nobody sees it.
INVISIBLE = 0.02


@dataclass(frozen=True)
class Score:
    """Figures of one picture.

    Attributes:
        changed: largest change of an original pixel, in levels; has to be 0.
        seam_db: energy of the step across the seam against other lines, worst width. About 2.6 in real photographs.
        tone: slow step of colour beyond that of other lines, in delta E.
        grain, sharp: log2 of the finest and the next detail outside to inside.
        far: low-pass colour error further than 64 pixels out, in delta E.
    """

    changed: float
    seam_db: float
    tone: float
    grain: float
    sharp: float
    far: float


def lab(picture: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of an 8-bit sRGB picture."""
    c = picture.astype(np.float32) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.0888], np.float32)
    f = np.where(xyz > 216 / 24389, np.cbrt(np.maximum(xyz, 1e-9)), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def views(shape: tuple[int, ...], box: tuple[int, int, int, int]):
    """For each seam: a function that turns a picture with the new area to its right; the seam's column; its rows."""
    height, width = shape[:2]
    top, left, h, w = box
    if width - left - w >= SHALLOWEST:
        yield lambda a: a, left + w, slice(top, top + h)
    if left >= SHALLOWEST:
        yield lambda a: a[:, ::-1], width - left, slice(top, top + h)
    if height - top - h >= SHALLOWEST:
        yield lambda a: a.swapaxes(0, 1), top + h, slice(left, left + w)
    if top >= SHALLOWEST:
        yield lambda a: a[::-1].swapaxes(0, 1), height - top, slice(left, left + w)


def detail(plane: np.ndarray) -> list[np.ndarray]:
    """Three bands of detail, finest first."""
    levels = [plane, *(gaussian_filter(plane, sigma) for sigma in (0.7, 1.4, 2.8))]
    return [fine - coarse for fine, coarse in zip(levels, levels[1:], strict=False)]


def segments(rows: slice) -> list[slice]:
    """The seam in pieces of ``SEGMENT`` rows; a shorter last piece is left out unless it is the only one."""
    count = max(1, (rows.stop - rows.start) // SEGMENT)
    starts = [rows.start + i * SEGMENT for i in range(count)]
    return [slice(s, min(rows.stop, s + SEGMENT)) for s in starts]


def steps(view: np.ndarray, column: int, pieces: list[slice], width: int) -> np.ndarray:
    """Step beyond the linear trend at ``column``, per piece and channel."""
    means = [view[:, column + k * width : column + (k + 1) * width].mean(1) for k in (-2, -1, 0, 1)]
    jump = means[2] - means[1] - ((means[1] - means[0]) + (means[3] - means[2])) / 2
    return np.stack([jump[piece].mean(0) for piece in pieces])


def step_energies(view: np.ndarray, column: int, rows: slice) -> dict[int, tuple[float, float]]:
    """Mean step energy at the seam and at parallel lines, by width."""
    pieces, size = segments(rows), view.shape[1]
    inner = list(range(column - 52, 66, -13))[:12]
    outer = list(range(column + 52, size - 66, 13))[:12]

    def energy(at: int, width: int) -> float:
        return float((np.minimum(np.abs(steps(view, at, pieces, width)), 25) ** 2).sum(1).mean())

    found = {}
    for width in STEP_WIDTHS:
        if column + 2 * width > size or column < 2 * width:
            continue
        groups = [
            [energy(x, width) for x in inner if x >= 2 * width and x + 2 * width <= column],
            [energy(x, width) for x in outer if x - 2 * width >= column and x + 2 * width <= size],
        ]
        usual = [np.mean(group) for group in groups if group]
        if usual:
            found[width] = energy(column, width), float(np.mean(usual))
    return found


def score(out: np.ndarray, truth: np.ndarray, box: tuple[int, int, int, int]) -> Score:
    """The figures of ``out``, given the true picture ``truth``."""
    top, left, h, w = box
    inside = (slice(top, top + h), slice(left, left + w))
    changed = float(np.abs(out[inside].astype(int) - truth[inside]).max())
    colours = lab(out)
    bands = detail(colours[..., 0])
    seam, tone, lengths, ratios = [], [], [], []
    for turn, column, rows in views(out.shape, box):
        energies = step_energies(turn(colours), column, rows)
        seam.append(max(10 * np.log10((at + INVISIBLE) / (usual + INVISIBLE)) for at, usual in energies.values()))
        tone.append(max(np.sqrt(energies[k][0]) - np.sqrt(energies[k][1]) for k in TONE_WIDTHS if k in energies))
        lengths.append(rows.stop - rows.start)
        depth = min(40, turn(bands[0]).shape[1] - column - 3)
        for piece in segments(rows):
            pair = []
            for band in bands[:2]:
                strip = np.abs(turn(band)[piece])
                sides = (slice(column - 3 - depth, column - 3), slice(column + 3, column + 3 + depth))
                pair.append(tuple(np.median(strip[:, side]) for side in sides))
            ratios.append((sum(pair[1]), *(np.log2((o + 0.01) / (i + 0.01)) for i, o in pair)))
    ratios = np.array(ratios)
    flat = ratios[ratios[:, 0] <= np.median(ratios[:, 0])]
    far = np.ones(out.shape[:2], bool)
    far[max(0, top - 64) : top + h + 64, max(0, left - 64) : left + w + 64] = False
    smooth = (gaussian_filter(c, (12, 12, 0)) for c in (colours, lab(truth)))
    error = np.sqrt(((next(smooth) - next(smooth)) ** 2).sum(-1))
    return Score(
        changed,
        float(np.average(seam, weights=lengths)),
        float(np.average(tone, weights=lengths)),
        float(np.median(flat[:, 1])),
        float(np.median(ratios[:, 2])),
        float(error[far].mean()) if far.any() else 0.0,
    )


def recoded(picture: np.ndarray) -> np.ndarray:
    """What a second JPEG coding changes, per pixel."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=90, subsampling=0)
    return np.abs(np.asarray(Image.open(data)).astype(np.float32) - picture).mean(-1)


def features(out: np.ndarray, box: tuple[int, int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a detector may look at, for pieces of the seam (label 1) and of other lines at the same phase (label 0)."""
    rng = np.random.default_rng(seed)
    colours = lab(out)
    planes = [*detail(colours[..., 0]), detail(colours[..., 1])[0]]
    coded = recoded(out)
    rows_of, labels = [], []
    for turn, column, rows in views(out.shape, box):
        view, pieces = turn(colours), segments(rows)
        fine, second = [np.abs(turn(p)) for p in planes], turn(coded)
        size = view.shape[1]
        lines = [*rng.integers(76, max(77, column - 68), 4), *rng.integers(min(column + 76, size - 69), size - 68, 2)]
        lines = [int(x) - (int(x) - column) % 8 for x in lines]
        for x in (column, *(x for x in lines if 34 <= x <= size - 34 and abs(x - column) >= 68)):
            spread = np.stack([view[p, x - 32 : x + 32].reshape(-1, 3).std(0) for p in pieces]) + 0.5
            parts = []
            for width in (1, 2, 4, 8, 16):
                jump = np.abs(steps(view, x, pieces, width)) + 0.05
                parts += [np.log(jump), np.log(jump / spread)]
            for plane, middle in [*((f, np.median) for f in fine), (second, np.mean)]:
                level = [
                    np.array([middle(plane[p, x + a : x + b]) for p in pieces]) + 0.02
                    for a, b in ((-34, -2), (2, 34), (-1, 1), (-16, 16))
                ]
                ratio = np.log(level[1] / level[0])
                parts += [ratio[:, None], np.abs(ratio)[:, None], np.log(level[2] / level[3])[:, None]]
            rows_of.append(np.concatenate(parts, 1))
            labels.append(np.full(len(pieces), x == column))
    return np.concatenate(rows_of), np.concatenate(labels).astype(int)


def linear(features: np.ndarray, labels: np.ndarray):
    """A linear classifier of ``features``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500)).fit(
        features, labels
    )


def trees(features: np.ndarray, labels: np.ndarray):
    """A classifier by boosted trees, which sees more."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    classifier = HistGradientBoostingClassifier(
        max_iter=120,
        learning_rate=0.08,
        max_leaf_nodes=15,
        l2_regularization=1,
        class_weight="balanced",
        random_state=0,
    )
    # For so few rows threads cost several times what they save.
    with threadpool_limits(1):
        return classifier.fit(features, labels)


def detectability(data: list[tuple[np.ndarray, np.ndarray]], fit, folds: int = 5) -> tuple[float, float]:
    """AUC of a classifier ``fit`` to the other photos of the same method: of pieces, and of lines of four pieces."""
    from sklearn.metrics import roc_auc_score

    scores, labels, line_scores, line_labels = [], [], [], []
    for fold in range(min(folds, len(data))):
        train = [d for i, d in enumerate(data) if i % folds != fold]
        if not train:
            return float("nan"), float("nan")
        model = fit(np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train]))
        for x, y in data[fold::folds]:
            s = model.decision_function(x)
            scores.append(s), labels.append(y)
            for i in range(0, len(s) - 3, 4):
                if (y[i : i + 4] == y[i]).all():
                    line_scores.append(s[i : i + 4].mean()), line_labels.append(y[i])
    pieces = roc_auc_score(np.concatenate(labels), np.concatenate(scores))
    return float(pieces), float(roc_auc_score(line_labels, line_scores))


def summary(scores: list[Score]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each figure over photos; of grain and sharpness the distance from 0."""
    table = np.array([astuple(s) for s in scores])
    names = [f.name for f in fields(Score)]
    for name in ("grain", "sharp"):
        table[:, names.index(name)] = np.abs(table[:, names.index(name)])
    return {name: (float(table[:, i].mean()), float(table[:, i].std())) for i, name in enumerate(names)}
