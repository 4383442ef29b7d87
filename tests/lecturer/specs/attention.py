"""The first half of a GPT block: causal attention behind a layer norm, added to h."""

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
h = sd.input("h", (N, T, 16))
y = sd.input("y", (N, T, 16))
seen = sd.nn.layer_norm(h, name="norm")
out = h + sd.nn.multi_head_attention(seen, 4, causal=True)
loss = sd.nn.mse(out, y)

model = sd.Model("attention", [h], [y], out, loss=loss)
