"""Reports: how a gradient was derived, what it costs, and its picture."""
