"""The log-likelihood of a mixture of Gaussians on the line."""

import symdiff as sd

N, K = sd.dim("N"), 4
x = sd.input("x", (N, 1))
logits = sd.param("logits", (K,))
mu = sd.param("mu", (K,), init=sd.init.normal(1))
log_sigma = sd.param("log_sigma", (K,))
z = (x - mu) / sd.exp(log_sigma)
log_p = sd.log_softmax(logits) - log_sigma - z**2 / 2
loss = -sd.mean(sd.logsumexp(log_p, axis=1))

model = sd.Model("gmm", [x], [], log_p, loss=loss)
