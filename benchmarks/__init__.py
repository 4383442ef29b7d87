"""How fast generated code is, how long compiling takes, how long the text is."""
