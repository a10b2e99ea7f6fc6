"""Half-samples, and CKA of two layers on them, for tests and benchmarks."""

from fairlib.measures.half_samples import lowest, subsample_table


def half_samples(n, draws, generator):
    """(n, draws) of 0 and 1: half of the rows without replacement."""
    return lowest(generator.random((n, draws)), n // 2)


def cka_subsamples(k, l, weights):  # noqa: E741 - the field's own names
    """(draws,): CKA of two layers on each subsample."""
    return subsample_table([k], [l], weights)[0, 0]
