"""Compute a sum with the other ranks, and then end as the arguments say: rank 1 first, while the others wait for it.

Arguments: ok | exit | kill | segv | stop, and for "stop" a folder in which each rank creates a file when it is ready.
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch
from torch import distributed

distributed.init_process_group("gloo")
rank = distributed.get_rank()
total = torch.tensor([rank + 1])
distributed.all_reduce(total)
sys.stdout.write(f"rank {rank} of {distributed.get_world_size()}, sum {total.item()}, arguments {sys.argv[1:]}\n")
sys.stdout.flush()

how = sys.argv[1]
if how == "stop":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Path(sys.argv[2], str(rank)).touch()
    time.sleep(60)
if rank == 1:
    if how == "exit":
        sys.exit(3)
    if how in ("kill", "segv"):
        os.kill(os.getpid(), signal.SIGKILL if how == "kill" else signal.SIGSEGV)
if how != "ok":
    distributed.barrier()
distributed.destroy_process_group()
