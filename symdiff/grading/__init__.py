"""For courses: packages whose backward pass is left to write, and their grading."""
