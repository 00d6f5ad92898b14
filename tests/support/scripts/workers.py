"""Start DataLoader workers with a dataset of ``__main__``, with every start method."""

import sys

from torch.utils.data import DataLoader, Dataset


class Squares(Dataset[int]):  # type: ignore[misc]  # torch is not looked into
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        return index * index


if __name__ == "__main__":
    for method in sys.argv[1:]:
        loader = DataLoader(Squares(), num_workers=1, batch_size=2, multiprocessing_context=method)
        sys.stdout.write(f"{method} {[batch.tolist() for batch in loader]}\n")
