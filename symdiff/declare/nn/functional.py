"""`sd.nn`: layers, activations, losses and penalties as plain functions over tensors.

In: tensors. Out: tensors; layers also declare their parameters. Invariant: each is a
composition of public ops, whose formula is its docstring, so nothing here has a rule of
its own. The functions live by theme in the modules beside this one.

Arguments that many share: ``activation`` is a function or the name of one of these;
``use_bias`` and ``affine`` say whether there are learned shifts (and scales);
``init`` and ``bias_init`` are from ``sd.init``; ``weight`` is a tensor to use instead
of declaring one; ``stride``, ``padding`` and ``dilation`` are those of `sd.conv2d`;
``eps`` keeps a denominator from 0. Of sequences, ``lengths`` (N,) or ``mask`` (N, T)
tell which steps are there, and ``reverse`` runs from the last to the first. Losses
compare a ``prediction``, or ``logits``, ``log_probs``, ``probabilities``, ``scores`` or
a ``mean``, with a ``target``, ``labels`` or ``signs`` (-1 or 1); ``reduction`` is
"mean", "sum" or "none", for one loss per row; ``sample_weights`` has a weight per row,
``class_weights`` one per class, by whose sum a mean is then divided; rows whose label
is ``ignore_index`` do not count.
"""

from __future__ import annotations

from symdiff.declare.nn.activations import (
    elu,
    gelu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    maxout,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    sign,
    silu,
    softmax,
    softplus,
    step,
    tanh,
)
from symdiff.declare.nn.classification import (
    accuracy,
    binary_accuracy,
    binary_cross_entropy,
    binary_hinge,
    hinge,
    nll,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from symdiff.declare.nn.layers import (
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    dense,
    dropout,
    feature_map,
    flatten,
    global_avg_pool,
    max_pool1d,
    max_pool2d,
    polynomial_features,
    residual,
)
from symdiff.declare.nn.losses import (
    cosine,
    cosine_embedding,
    cosine_similarity,
    gaussian_nll,
    huber,
    kl,
    kl_normal,
    mae,
    mse,
    poisson,
    triplet,
)
from symdiff.declare.nn.normalization import (
    batch_norm,
    group_norm,
    layer_norm,
    rms_norm,
)
from symdiff.declare.nn.regularizers import elastic_net, l1, l2
from symdiff.declare.nn.sequence import (
    attention,
    embedding,
    gru,
    lstm,
    multi_head_attention,
    rnn,
)

__all__ = [
    "accuracy",
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_accuracy",
    "binary_cross_entropy",
    "binary_hinge",
    "conv1d",
    "conv2d",
    "cosine",
    "cosine_embedding",
    "cosine_similarity",
    "dense",
    "dropout",
    "elastic_net",
    "elu",
    "embedding",
    "feature_map",
    "flatten",
    "gaussian_nll",
    "gelu",
    "global_avg_pool",
    "group_norm",
    "gru",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "hinge",
    "huber",
    "kl",
    "kl_normal",
    "l1",
    "l2",
    "layer_norm",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "lstm",
    "mae",
    "max_pool1d",
    "max_pool2d",
    "maxout",
    "mse",
    "multi_head_attention",
    "nll",
    "poisson",
    "polynomial_features",
    "prelu",
    "relu",
    "relu6",
    "residual",
    "rms_norm",
    "rnn",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sign",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "step",
    "tanh",
    "triplet",
]
