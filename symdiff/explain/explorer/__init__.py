"""The explorer: spec, graph and generated code in one page, each line linked."""
