"""A variational autoencoder's bound, by hand; noise is the draw of its code."""

import numpy as np


def forward(params, x, noise):
    """Return the loss, and what backward reads."""
    h = np.maximum(x @ params["encoder.W"] + params["encoder.b"], 0)
    mean = h @ params["mean.W"] + params["mean.b"]
    log_var = h @ params["log_variance.W"] + params["log_variance.b"]
    sigma = np.exp(log_var / 2)
    z = mean + sigma * noise
    g = np.maximum(z @ params["decoder.W1"] + params["decoder.b1"], 0)
    logits = g @ params["decoder.W2"] + params["decoder.b2"]
    surprise = (np.logaddexp(0, logits) - x * logits).sum()
    kl = (np.exp(log_var) + mean**2 - 1 - log_var).sum() / 2
    return (surprise + kl) / len(x), (x, noise, h, mean, log_var, sigma, z, g, logits)


def backward(params, cache):
    """Return the gradient by every parameter."""
    x, noise, h, mean, log_var, sigma, z, g, logits = cache
    N = len(x)
    grads = {}

    # loss = (sum(log(1 + exp(logits)) - x * logits) + kl) / N
    d_logits = (1 / (1 + np.exp(-logits)) - x) / N

    # logits = g @ W2 + b2
    grads["decoder.W2"] = g.T @ d_logits
    grads["decoder.b2"] = d_logits.sum(axis=0)

    # g = relu(z @ W1 + b1)
    d_g = d_logits @ params["decoder.W2"].T * (g > 0)
    grads["decoder.W1"] = z.T @ d_g
    grads["decoder.b1"] = d_g.sum(axis=0)
    d_z = d_g @ params["decoder.W1"].T

    # z = mean + exp(log_var / 2) * noise, and both in the kl
    d_mean = d_z + mean / N
    d_log_var = d_z * noise * sigma / 2 + (np.exp(log_var) - 1) / (2 * N)

    # mean = h @ W + b, log_var = h @ W + b
    grads["mean.W"] = h.T @ d_mean
    grads["mean.b"] = d_mean.sum(axis=0)
    grads["log_variance.W"] = h.T @ d_log_var
    grads["log_variance.b"] = d_log_var.sum(axis=0)
    d_h = d_mean @ params["mean.W"].T + d_log_var @ params["log_variance.W"].T

    # h = relu(x @ W + b)
    d_a = d_h * (h > 0)
    grads["encoder.W"] = x.T @ d_a
    grads["encoder.b"] = d_a.sum(axis=0)
    return grads
