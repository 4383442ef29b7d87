import symdiff as sd

N = sd.dim("N")                                   # symbolic batch size, a SymPy integer >= 0
x = sd.input("x", (N, 64))                        # float unless said otherwise
y = sd.input("y", (N,), dtype="int64", high=10)   # labels 0..9
h = sd.nn.dense(x, 128, activation="relu", name="hidden")     # declares params hidden.W, hidden.b
z = sd.nn.dense(h, 10, name="out")
weights = [p for p in sd.params(z) if p.ndim > 1]
loss = sd.nn.softmax_cross_entropy(z, y) + 1e-4 * sd.nn.l2(weights)      # l2(p) is sum(p**2)

model = sd.Model("digits_mlp", inputs=[x], targets=[y], outputs={"probs": sd.nn.softmax(z)}, loss=loss,
                 metrics={"accuracy": sd.nn.accuracy(z, y)}, optimizer=sd.optim.Adam(1e-3))
