import symdiff as sd

theta = sd.input("theta", (4,))
omega = sd.input("omega", (4,))
length = sd.input("length", ())

height = length * (1 - sd.cos(theta))
speed = length * omega
energy = sd.sum(speed**2 / 2 + 9.81 * height)

function = sd.Function("pendulum", [theta, omega, length], [energy, height])
