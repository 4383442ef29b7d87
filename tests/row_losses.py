"""Losses and metrics over rows, of many forms, for tests of batches and their parts."""

import symdiff as sd

N = sd.dim("N")
X = sd.input("x", (N, 4))
Y = sd.input("y", N, "int64")
W = sd.input("w", N, low=0)
HIDDEN = sd.nn.dense(X, 6, "tanh", name="hidden")
Z = sd.nn.dense(HIDDEN, 3, name="out")
WEIGHTS = sd.params(Z, "*.W")
ENTROPY = sd.nn.softmax_cross_entropy
LABELS = sd.where(Y < 0, 0, Y)
TARGET = (
    sd.nn.one_hot(LABELS, 3) if hasattr(sd.nn, "one_hot") else sd.one_hot(LABELS, 3)
)
ROW = sd.sum(sd.square(Z), axis=1)


def penalty():
    return 1e-2 * sd.nn.l2(WEIGHTS)


EQUAL = {
    "mean": lambda: ENTROPY(Z, LABELS),
    "mean and penalty": lambda: ENTROPY(Z, LABELS) + penalty(),
    "penalty first, scaled": lambda: 0.5 * (penalty() - 3 * sd.nn.mse(Z, TARGET)),
    "sum": lambda: ENTROPY(Z, LABELS, "sum"),
    "scaled sum": lambda: -sd.sum(ROW) / 7,
    "sum over the count": lambda: sd.sum(ROW) / N + penalty(),
    "ignored labels": lambda: ENTROPY(Z, Y, ignore_index=-1),
    "ignored, and penalty": lambda: ENTROPY(Z, Y, ignore_index=-1) + penalty(),
    "row weights": lambda: ENTROPY(Z, LABELS, sample_weights=W) + penalty(),
    "class weights": lambda: ENTROPY(Z, LABELS, class_weights=[1.0, 2.0, 5.0]),
    "weights and ignored": lambda: ENTROPY(Z, Y, sample_weights=W, ignore_index=-1),
    "weights by hand": lambda: sd.sum(W * ROW) / sd.sum(W),
    "weights by means": lambda: sd.mean(W * ROW) / sd.mean(W) + penalty(),
    "masked mean": lambda: sd.mean(ROW, where=Y > 0),
    "smoothed": lambda: ENTROPY(Z, LABELS, label_smoothing=0.1),
    "mse, huber": lambda: sd.nn.mse(Z, TARGET) + 2 * sd.nn.huber(Z, TARGET),
    "norm of each row": lambda: sd.mean(
        sd.nn.layer_norm(HIDDEN, name="norm") ** 2 * W[:, None]
    ),
    "own elements": lambda: -sd.mean(sd.log_softmax(Z)[sd.arange(N), LABELS]),
    "own elements written": lambda: sd.mean(
        Z.at[sd.arange(N), LABELS].add(1.0).at[sd.arange(N), LABELS].multiply(W) ** 2
    ),
    "no rows": lambda: penalty(),
}


METRICS = {
    "accuracy": sd.nn.accuracy(Z, LABELS),
    "squares": sd.sum(ROW),
    "weighted": sd.sum(W * ROW) / sd.sum(W),
    "rmse": sd.sqrt(sd.mean(ROW)),
}
