"""Options of the test run."""


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write generated text that tests hold (tests/golden, README.md) anew",
    )
